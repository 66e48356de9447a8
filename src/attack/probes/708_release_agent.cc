/// 708_release_agent: opens the release agents of the usual hierarchies for writing and writes nothing.
/// Published: CVE-2022-0492.
/// Expected: no cgroup file system inside.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any({"/sys/fs/cgroup/cpu/release_agent", "/sys/fs/cgroup/rdma/release_agent",
                          "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/systemd/release_agent"},
                         O_WRONLY);
}

}  // namespace

constinit const Probe k708ReleaseAgent = {
    .name = "708_release_agent",
    .group = Group::kEscapes,
    .attack = "have the kernel start a program as root when a cgroup empties",
    .cve = "CVE-2022-0492",
    .refusal = "no cgroup file system inside",
    .run = run,
    .needs_root = true,
    .needs = "a host with cgroup v1",
};

}  // namespace brig::attack::probes
