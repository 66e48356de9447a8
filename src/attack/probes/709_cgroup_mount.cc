/// 709_cgroup_mount: asks for a mount of cgroup2 with an option that does not exist: the kernel asks for the privilege
/// first. Published: CVE-2022-0492. Expected: no CAP_SYS_ADMIN, the filter.
#include <sys/mount.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const std::string place = scratch_folder("probe-cgroup");
  return refused("mount cgroup2", ::mount("none", place.c_str(), "cgroup2", 0, "brig_no_such_option"));
}

}  // namespace

constinit const Probe k709CgroupMount = {
    .name = "709_cgroup_mount",
    .group = Group::kEscapes,
    .attack = "mount the cgroup tree to change one's own limits",
    .cve = "CVE-2022-0492",
    .refusal = "no CAP_SYS_ADMIN, the filter",
    .run = run,
};

}  // namespace brig::attack::probes
