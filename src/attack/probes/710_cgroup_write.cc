/// 710_cgroup_write: opens the membership files of the usual hierarchies for writing and writes nothing.
/// Expected: no cgroup file system inside.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any({"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/pids/cgroup.procs", "/sys/fs/cgroup/cpu/tasks",
                          "/sys/fs/cgroup/unified/cgroup.procs"},
                         O_WRONLY);
}

}  // namespace

constinit const Probe k710CgroupWrite = {
    .name = "710_cgroup_write",
    .group = Group::kEscapes,
    .attack = "leave one's cgroup or lift its limits",
    .cve = "",
    .refusal = "no cgroup file system inside",
    .run = run,
    .needs_root = true,
    .needs = "a host with cgroups at /sys/fs/cgroup",
};

}  // namespace brig::attack::probes
