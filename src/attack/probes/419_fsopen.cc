/// 419_fsopen: opens a context for a tmpfs and closes it.
/// Published: CVE-2022-0185.
/// Expected: the filter.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return refused("fsopen", ::syscall(SYS_fsopen, "tmpfs", 1U)); }

}  // namespace

constinit const Probe k419Fsopen = {
    .name = "419_fsopen",
    .group = Group::kKernel,
    .attack = "reach the new mount interface: make a file system",
    .cve = "CVE-2022-0185",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
