/// 720_root_folder_write: asks for write permission on the folders that make up the system.
/// Published: CVE-2019-14271 (docker cp), CVE-2018-15664.
/// Expected: the root and /etc are read-only.
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  for (const char* path :
       {"/", "/etc", "/dev", "/lib", "/lib64", "/bin", "/sbin", "/usr/lib", "/var", "/opt", "/home", "/proc"}) {
    if (::access(path, W_OK) == 0) return breached(std::string(path) + " is writable");
  }
  return held("none is writable");
}

}  // namespace

constinit const Probe k720RootFolderWrite = {
    .name = "720_root_folder_write",
    .group = Group::kEscapes,
    .attack = "plant files where the host's tools look first",
    .cve = "CVE-2019-14271 (docker cp), CVE-2018-15664",
    .refusal = "the root and /etc are read-only",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
