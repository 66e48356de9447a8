/// 716_overlay_mount: mounts an overlay of its own folders; the control does so in a private mount namespace.
/// Published: CVE-2021-3493, CVE-2023-0386, CVE-2023-2640 (GameOver(lay)).
/// Expected: no user namespace and no mount can be made.
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const std::string place = scratch_folder("probe-overlay");
  for (const char* name : {"/lower", "/upper", "/work", "/merged"}) ::mkdir((place + name).c_str(), 0700);
  const std::string options = "lowerdir=" + place + "/lower,upperdir=" + place + "/upper,workdir=" + place + "/work";
  return refused("mount overlay", ::mount("none", (place + "/merged").c_str(), "overlay", 0, options.c_str()));
}

}  // namespace

constinit const Probe k716OverlayMount = {
    .name = "716_overlay_mount",
    .group = Group::kEscapes,
    .attack = "copy set-user-id files up through an overlay",
    .cve = "CVE-2021-3493, CVE-2023-0386, CVE-2023-2640 (GameOver(lay))",
    .refusal = "no user namespace and no mount can be made",
    .run = run,
};

}  // namespace brig::attack::probes
