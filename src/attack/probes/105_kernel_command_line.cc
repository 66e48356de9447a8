/// 105_kernel_command_line: reads /proc/cmdline, which often names disks and sometimes holds secrets.
/// Expected: /proc/cmdline is masked.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_read("/proc/cmdline", Quote::kHide); }

}  // namespace

constinit const Probe k105KernelCommandLine = {
    .name = "105_kernel_command_line",
    .group = Group::kLeaks,
    .attack = "read the kernel's command line",
    .cve = "",
    .refusal = "/proc/cmdline is masked",
    .run = run,
    .own_kernel = "the command line is that of the sandbox's own kernel",
};

}  // namespace brig::attack::probes
