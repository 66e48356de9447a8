#pragma once
/// The walls `docker` and `podman`: sandboxes that a container engine of this machine makes, for whoever prefers one.
///
/// Nothing is connected to before somebody looks at the wall. admit() asks the engine once who it is, which blocks; the
/// answer is kept. create() forks, so it is for a process with one thread.
#include <memory>
#include <string>
#include <vector>

#include "runtime/runtime.h"
#include "runtime/walls.h"
#include "runtimes/engine/place.h"

namespace brig::runtimes::engine {

/// `init` is the path of brig-init, which the engine shows inside.
std::unique_ptr<runtime::Runtime> make_engine_runtime(Kind kind, std::string init);
/// The same with the engine at a socket of the caller's.
std::unique_ptr<runtime::Runtime> make_engine_runtime(Place place, std::string init);

/// docker and podman. `init` is asked for when a wall is first looked at.
std::vector<runtime::Walls::Offer> engine_walls(std::function<Result<std::string>()> init);

/// Whether `name` is one of theirs.
bool is_engine_wall(std::string_view name);

}  // namespace brig::runtimes::engine
