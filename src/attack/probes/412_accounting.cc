/// 412_accounting: calls acct with a path that does not exist, which changes nothing.
/// Expected: the filter, and no CAP_SYS_PACCT.
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return refused("acct", ::acct("/nonexistent/brig")); }

}  // namespace

constinit const Probe k412Accounting = {
    .name = "412_accounting",
    .group = Group::kKernel,
    .attack = "switch process accounting to a file of one's own",
    .cve = "",
    .refusal = "the filter, and no CAP_SYS_PACCT",
    .run = run,
    .needs_root = true,
    .needs = "a kernel with process accounting",
};

}  // namespace brig::attack::probes
