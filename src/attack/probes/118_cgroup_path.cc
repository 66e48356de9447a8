/// 118_cgroup_path: looks for a path other than / in /proc/self/cgroup.
/// Expected: the sandbox has a cgroup namespace of its own.
#include <sstream>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  std::istringstream lines(read_some("/proc/self/cgroup").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.ends_with(":/")) return breached(line);
  }
  return held("every path is /");
}

}  // namespace

constinit const Probe k118CgroupPath = {
    .name = "118_cgroup_path",
    .group = Group::kLeaks,
    .attack = "learn where the sandbox hangs in the host's cgroups",
    .cve = "",
    .refusal = "the sandbox has a cgroup namespace of its own",
    .run = run,
    .needs = "a caller in a cgroup below the root",
    .weakness = "cgroups:",
};

}  // namespace brig::attack::probes
