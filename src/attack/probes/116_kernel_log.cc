/// 116_kernel_log: opens the files of the kernel's log and reads nothing (reading /proc/kmsg would take lines away from
/// others).
/// Expected: /proc/kmsg and /dev/kmsg are absent.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_open_any({"/proc/kmsg", "/dev/kmsg"}, O_RDONLY); }

}  // namespace

constinit const Probe k116KernelLog = {
    .name = "116_kernel_log",
    .group = Group::kLeaks,
    .attack = "read the kernel's log",
    .cve = "",
    .refusal = "/proc/kmsg and /dev/kmsg are absent",
    .run = run,
    .needs_root = true,
    .needs = "a kernel that logs to /proc/kmsg",
};

}  // namespace brig::attack::probes
