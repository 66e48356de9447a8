/// 511_device_mounts: asks for the flags of the folders it may write to.
/// Expected: every writable mount is nodev.
#include <sys/statvfs.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  for (const std::string& place : scratch_folders()) {
    struct statvfs info{};
    constexpr unsigned long kNoDevices = 4;  // ST_NODEV
    if (::statvfs(place.c_str(), &info) == 0 && (info.f_flag & kNoDevices) == 0)
      return breached(place + " is not nodev");
  }
  return held("nodev everywhere");
}

}  // namespace

constinit const Probe k511DeviceMounts = {
    .name = "511_device_mounts",
    .group = Group::kDevices,
    .attack = "find a writable mount on which device nodes work",
    .cve = "",
    .refusal = "every writable mount is nodev",
    .run = run,
    .own_kernel = "its own kernel opens no device node of a file system",
};

}  // namespace brig::attack::probes
