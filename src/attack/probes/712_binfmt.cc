/// 712_binfmt: opens the register file for writing, and asks for a mount of the file system that holds it with an
/// option that does not exist; registers nothing. Expected: no CAP_SYS_ADMIN, the filter, and /proc/sys is masked.
#include <fcntl.h>
#include <sys/mount.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const Finding registered = cannot_open("/proc/sys/fs/binfmt_misc/register", O_WRONLY);
  const std::string place = scratch_folder("probe-binfmt");
  const int mounted = ::mount("none", place.c_str(), "binfmt_misc", 0, "brig_no_such_option");
  return worst({registered, refused("mount binfmt_misc", mounted, {ENODEV})});
}

}  // namespace

constinit const Probe k712Binfmt = {
    .name = "712_binfmt",
    .group = Group::kEscapes,
    .attack = "register an interpreter for every program of the host",
    .cve = "",
    .refusal = "no CAP_SYS_ADMIN, the filter, and /proc/sys is masked",
    .run = run,
    .needs_root = true,
    .needs = "a kernel with binfmt_misc",
};

}  // namespace brig::attack::probes
