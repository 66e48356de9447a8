/// 713_modprobe_path: opens the paths of the kernel's helpers for writing and writes nothing.
/// Expected: /proc/sys is masked or read-only.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any(
      {"/proc/sys/kernel/modprobe", "/proc/sys/kernel/poweroff_cmd", "/proc/sys/kernel/usermodehelper/bset"}, O_WRONLY);
}

}  // namespace

constinit const Probe k713ModprobePath = {
    .name = "713_modprobe_path",
    .group = Group::kEscapes,
    .attack = "have the kernel start a program as root for a missing module",
    .cve = "",
    .refusal = "/proc/sys is masked or read-only",
    .run = run,
    .needs_root = true,
    .needs = "a kernel with one of these helpers",
};

}  // namespace brig::attack::probes
