/// 506_host_disk: opens every block device in /dev for reading and reads nothing.
/// Expected: the sandbox has a /dev of its own.
#include <fcntl.h>
#include <sys/stat.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  for (const std::string& name : names_in("/dev").value_or(std::vector<std::string>{})) {
    const std::string path = "/dev/" + name;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISBLK(info.st_mode)) continue;
    const Finding finding = cannot_open(path, O_RDONLY);
    if (finding.outcome == Outcome::kBreached) return finding;
  }
  return held("no block device opens");
}

}  // namespace

constinit const Probe k506HostDisk = {
    .name = "506_host_disk",
    .group = Group::kDevices,
    .attack = "read the host's disk past its file system",
    .cve = "",
    .refusal = "the sandbox has a /dev of its own",
    .run = run,
    .needs_root = true,
    .needs = "a host with a block device in /dev",
};

}  // namespace brig::attack::probes
