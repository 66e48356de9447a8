/// 718_mask_links: looks whether what covers parts of /proc and /dev is what it should be: /dev/null the null device,
/// nothing a link, nothing writable. Published: CVE-2021-30465, CVE-2025-31133, CVE-2025-52565 (runc). Expected: masks
/// are mounts made before the sandbox lives, on objects nobody inside can change.
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  struct stat info{};
  if (::lstat("/dev/null", &info) != 0) return held("no /dev/null");
  if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3)) return breached("/dev/null is something else");
  for (const char* path :
       {"/proc/kcore", "/proc/keys", "/proc/sysrq-trigger", "/proc/timer_list", "/proc/sys/kernel/core_pattern"}) {
    if (::lstat(path, &info) != 0) continue;
    if (S_ISLNK(info.st_mode)) return breached(std::string(path) + " is a link");
    const bool is_null = S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3);
    if (!is_null && ::access(path, W_OK) == 0) return breached(std::string(path) + " is writable");
  }
  return ::access("/proc", W_OK) == 0 ? breached("/proc is writable") : held("the masks are in place");
}

}  // namespace

constinit const Probe k718MaskLinks = {
    .name = "718_mask_links",
    .group = Group::kEscapes,
    .attack = "find a mask of /proc that is a link or writable",
    .cve = "CVE-2021-30465, CVE-2025-31133, CVE-2025-52565 (runc)",
    .refusal = "masks are mounts made before the sandbox lives, on objects nobody inside can change",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
