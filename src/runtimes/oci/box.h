#pragma once
/// The box: what an OCI runtime and its nanny have for a root instead of the host's, and the plan that makes it. Pure.
///
/// A tmpfs with the host's /usr, devices, an own /proc, the runtime's state and the bundle, whose root file system is
/// built by the same steps as the process wall's root. It is in a mount namespace of its own: nothing of it is on the
/// host's disk, and with the namespace it is gone.
#include <string>
#include <vector>

#include "base/result.h"
#include "runtimes/process/compile.h"
#include "runtimes/process/maker.h"

namespace brig::runtimes::oci {

struct BoxInput {
  const process::LaunchRequest& request;
  const process::HostReport& host;  ///< of the sandbox's root: an image's entries if it is one
  const std::vector<process::HostReport::RootEntry>& system;  ///< of the box's own root
  const std::vector<process::MountIdentity>& identities;
  process::OutsideIds ids;
  std::string spec;     ///< config.json
  std::string cgroups;  ///< the host's folder that is shown at /sys/fs/cgroup; empty = none
};

/// Slots, in this order: `join` files of groups, brig-init, then the root and the mounts as in Site::attached.
Result<process::JailPlan> compile_box(const BoxInput& input, std::uint32_t join);

}  // namespace brig::runtimes::oci
