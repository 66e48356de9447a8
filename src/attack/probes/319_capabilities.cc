/// 319_capabilities: asks the kernel for the effective, permitted, inheritable, ambient and bounding sets.
/// Published: CVE-2022-24769: inheritable capabilities of containers.
/// Expected: all five sets are empty.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::syscall(SYS_capget, &header, data) != 0) return breached("capget: " + error_name(errno));
  for (const auto& half : data) {
    if ((half.effective | half.permitted | half.inheritable) != 0)
      return breached("effective, permitted or inheritable is not empty");
  }
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1)
      return breached("bounding has " + std::to_string(capability));
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, capability, 0, 0) == 1)
      return breached("ambient has " + std::to_string(capability));
  }
  return held("all five sets are empty");
}

}  // namespace

constinit const Probe k319Capabilities = {
    .name = "319_capabilities",
    .group = Group::kProcess,
    .attack = "find a capability left in any set",
    .cve = "CVE-2022-24769: inheritable capabilities of containers",
    .refusal = "all five sets are empty",
    .run = run,
};

}  // namespace brig::attack::probes
