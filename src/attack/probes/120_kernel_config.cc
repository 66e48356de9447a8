/// 120_kernel_config: reads /proc/config.gz.
/// Expected: /proc/config.gz is masked.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_read("/proc/config.gz", Quote::kHide); }

}  // namespace

constinit const Probe k120KernelConfig = {
    .name = "120_kernel_config",
    .group = Group::kLeaks,
    .attack = "read how the kernel was built",
    .cve = "",
    .refusal = "/proc/config.gz is masked",
    .run = run,
    .needs = "a kernel with /proc/config.gz",
};

}  // namespace brig::attack::probes
