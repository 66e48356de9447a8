/// 308_unmount_masks: unmounts /proc lazily; the control does so in a private mount namespace.
/// Expected: no CAP_SYS_ADMIN, the filter.
#include <sys/mount.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return refused("umount /proc", ::umount2("/proc", MNT_DETACH)); }

}  // namespace

constinit const Probe k308UnmountMasks = {
    .name = "308_unmount_masks",
    .group = Group::kProcess,
    .attack = "take away what covers parts of /proc",
    .cve = "",
    .refusal = "no CAP_SYS_ADMIN, the filter",
    .run = run,
};

}  // namespace brig::attack::probes
