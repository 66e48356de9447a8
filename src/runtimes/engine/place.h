#pragma once
/// Place: the Unix socket at which an engine listens.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace brig::runtimes::engine {

enum class Kind : std::uint8_t { kDocker, kPodman };

/// "docker", "podman": the wall's name.
std::string_view name_of(Kind kind);

/// How to get one, for people.
std::string_view mend_for(Kind kind);

struct Place {
  Kind kind = Kind::kDocker;
  std::string socket;  ///< a path
};

/// By $DOCKER_HOST or $CONTAINER_HOST, else the usual paths. kUnsupported for one that is no Unix socket of this
/// machine, kUnavailable if there is none, with the paths that were looked at. Looks only, and connects to nothing.
Result<Place> find_place(Kind kind);

/// The same with an environment and a file system of the caller's.
struct Surroundings {
  std::function<std::string(std::string_view)> variable;  ///< empty if it is not set
  std::function<bool(const std::string&)> is_there;
};
Result<Place> find_place(Kind kind, const Surroundings& surroundings);

}  // namespace brig::runtimes::engine
