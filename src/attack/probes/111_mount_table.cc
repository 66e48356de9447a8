/// 111_mount_table: looks in /proc/self/mountinfo for the canary's folder and for a disk file system mounted at its own
/// root. Expected: the sandbox's mount namespace has its own root, and no mount of the host's whole root.
#include <sstream>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  const auto text = read_some("/proc/self/mountinfo");
  if (!text.has_value()) return held("no mountinfo");
  if (text->find(args.text("canary_dir")) != std::string::npos) return breached("names " + args.text("canary_dir"));
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find(" - ")));
    std::string id, parent, device, root, point;
    words >> id >> parent >> device >> root >> point;
    const std::string rest = line.find(" - ") == std::string::npos ? "" : line.substr(line.find(" - ") + 3);
    const bool is_disk =
        rest.starts_with("ext") || rest.starts_with("xfs") || rest.starts_with("btrfs") || rest.starts_with("zfs");
    if (root == "/" && is_disk) return breached("the whole of a disk is mounted at " + point);
  }
  return held("only mounts of its own");
}

}  // namespace

constinit const Probe k111MountTable = {
    .name = "111_mount_table",
    .group = Group::kLeaks,
    .attack = "learn the host's folders from the mount table",
    .cve = "",
    .refusal = "the sandbox's mount namespace has its own root, and no mount of the host's whole root",
    .run = run,
};

}  // namespace brig::attack::probes
