/// 715_fresh_proc: mounts a proc file system on a folder of its own; the control does so in a private mount namespace.
/// Published: CVE-2019-19921, CVE-2025-31133 class: masks of /proc.
/// Expected: no CAP_SYS_ADMIN, the filter.
#include <sys/mount.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const std::string place = scratch_folder("probe-proc");
  return refused("mount proc", ::mount("none", place.c_str(), "proc", 0, nullptr));
}

}  // namespace

constinit const Probe k715FreshProc = {
    .name = "715_fresh_proc",
    .group = Group::kEscapes,
    .attack = "mount a second /proc, without the masks",
    .cve = "CVE-2019-19921, CVE-2025-31133 class: masks of /proc",
    .refusal = "no CAP_SYS_ADMIN, the filter",
    .run = run,
};

}  // namespace brig::attack::probes
