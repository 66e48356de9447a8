/// 410_reboot: calls reboot with magic numbers that are wrong: the kernel asks for the privilege first.
/// Expected: the filter, and no CAP_SYS_BOOT.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return refused("reboot", ::syscall(SYS_reboot, 0x1badbabe, 0x1badbabe, 0, nullptr)); }

}  // namespace

constinit const Probe k410Reboot = {
    .name = "410_reboot",
    .group = Group::kKernel,
    .attack = "reboot or halt the machine",
    .cve = "",
    .refusal = "the filter, and no CAP_SYS_BOOT",
    .run = run,
};

}  // namespace brig::attack::probes
