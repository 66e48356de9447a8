/// 413_quota: calls quotactl with a command that does not exist.
/// Expected: the filter.
#include <sys/quota.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return refused("quotactl", ::syscall(SYS_quotactl, 0x7fffff00U, "/dev/null", 0, nullptr)); }

}  // namespace

constinit const Probe k413Quota = {
    .name = "413_quota",
    .group = Group::kKernel,
    .attack = "change disk quotas",
    .cve = "",
    .refusal = "the filter",
    .run = run,
    .needs = "a kernel with quotas",
};

}  // namespace brig::attack::probes
