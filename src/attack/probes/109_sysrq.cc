/// 109_sysrq: opens /proc/sysrq-trigger for writing and writes nothing.
/// Expected: masked or read-only.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_open("/proc/sysrq-trigger", O_WRONLY); }

}  // namespace

constinit const Probe k109Sysrq = {
    .name = "109_sysrq",
    .group = Group::kLeaks,
    .attack = "crash or reboot the machine through /proc/sysrq-trigger",
    .cve = "",
    .refusal = "masked or read-only",
    .run = run,
    .needs_root = true,
    .needs = "a kernel with sysrq",
};

}  // namespace brig::attack::probes
