/// 502_character_node: makes a character node for /dev/mem in a scratch folder and removes it; it is never opened.
/// Expected: the filter, and no CAP_MKNOD in the first user namespace.
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const std::string folder = scratch_folder("probe-node");
  const std::string path = folder + "/mem";
  const int result = ::mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 1));
  Finding finding = refused("mknod character", result);
  ::unlink(path.c_str());
  return finding;
}

}  // namespace

constinit const Probe k502CharacterNode = {
    .name = "502_character_node",
    .group = Group::kDevices,
    .attack = "make a node for the machine's memory",
    .cve = "",
    .refusal = "the filter, and no CAP_MKNOD in the first user namespace",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
