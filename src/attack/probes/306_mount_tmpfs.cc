/// 306_mount_tmpfs: mounts a tmpfs on a folder of its own; the control does so in a private mount namespace.
/// Expected: no CAP_SYS_ADMIN, the filter, Landlock.
#include <sys/mount.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const std::string place = scratch_folder("probe-mount");
  if (place.empty()) return held("no folder to mount on");
  return refused("mount tmpfs", ::mount("none", place.c_str(), "tmpfs", 0, nullptr));
}

}  // namespace

constinit const Probe k306MountTmpfs = {
    .name = "306_mount_tmpfs",
    .group = Group::kProcess,
    .attack = "mount a file system",
    .cve = "",
    .refusal = "no CAP_SYS_ADMIN, the filter, Landlock",
    .run = run,
};

}  // namespace brig::attack::probes
