/// 114_sysfs: lists the folders of a sysfs.
/// Expected: there is no sysfs inside.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  for (const char* path : {"/sys/kernel", "/sys/class", "/sys/devices", "/sys/firmware", "/sys/module"}) {
    const auto names = names_in(path);
    if (names.has_value() && !names->empty()) return breached(std::string(path) + " shows " + names->front());
  }
  return held("no sysfs");
}

}  // namespace

constinit const Probe k114Sysfs = {
    .name = "114_sysfs",
    .group = Group::kLeaks,
    .attack = "read the machine's devices from /sys",
    .cve = "",
    .refusal = "there is no sysfs inside",
    .run = run,
    .own_kernel = "the sysfs is that of the sandbox's own kernel",
};

}  // namespace brig::attack::probes
