/// 711_uevent_helper: opens the helper settings for writing and writes nothing.
/// Expected: no sysfs inside.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any({"/sys/kernel/uevent_helper", "/proc/sys/kernel/hotplug"}, O_WRONLY);
}

}  // namespace

constinit const Probe k711UeventHelper = {
    .name = "711_uevent_helper",
    .group = Group::kEscapes,
    .attack = "have the kernel start a program as root on a device event",
    .cve = "",
    .refusal = "no sysfs inside",
    .run = run,
    .needs_root = true,
    .needs = "a kernel with uevent_helper",
};

}  // namespace brig::attack::probes
