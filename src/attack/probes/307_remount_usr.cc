/// 307_remount_usr: remounts the mount /usr lies in as it is; that the kernel would have done it is the breach.
/// Expected: no CAP_SYS_ADMIN, the filter.
#include <sys/mount.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return refused("remount /usr", ::mount("none", "/usr", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr));
}

}  // namespace

constinit const Probe k307RemountUsr = {
    .name = "307_remount_usr",
    .group = Group::kProcess,
    .attack = "make the host's /usr writable again",
    .cve = "",
    .refusal = "no CAP_SYS_ADMIN, the filter",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
