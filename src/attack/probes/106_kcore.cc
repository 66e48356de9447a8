/// 106_kcore: reads the first bytes of /proc/kcore (its ELF header).
/// Expected: masked, and root's.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_read("/proc/kcore", Quote::kHide); }

}  // namespace

constinit const Probe k106Kcore = {
    .name = "106_kcore",
    .group = Group::kLeaks,
    .attack = "read the machine's memory through /proc/kcore",
    .cve = "",
    .refusal = "masked, and root's",
    .run = run,
    .needs_root = true,
    .needs = "a kernel with /proc/kcore",
};

}  // namespace brig::attack::probes
