#pragma once
/// The walls `container` and `gvisor`: sandboxes that an OCI runtime of the host makes. And the list of all walls that
/// brig-launch makes.
#include <functional>
#include <memory>
#include <vector>

#include "runtime/runtime.h"
#include "runtime/walls.h"
#include "runtimes/process/launched_runtime.h"

namespace brig::runtimes::oci {

/// `wall` is runc ("container") or runsc ("gvisor").
std::unique_ptr<runtime::Runtime> make_oci_runtime(process::LauncherOptions options, process::Wall wall);

/// process, container and gvisor, fastest first. `options` are asked for when a wall is first looked at.
std::vector<runtime::Walls::Offer> launched_walls(std::function<Result<process::LauncherOptions>()> options);

}  // namespace brig::runtimes::oci
