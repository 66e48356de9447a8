/// 112_boot_id: reads the number that is the same for every sandbox between two boots.
/// Expected: /proc/sys is masked.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_read("/proc/sys/kernel/random/boot_id", Quote::kHide); }

}  // namespace

constinit const Probe k112BootId = {
    .name = "112_boot_id",
    .group = Group::kLeaks,
    .attack = "identify the host by its boot id",
    .cve = "",
    .refusal = "/proc/sys is masked",
    .run = run,
};

}  // namespace brig::attack::probes
