#pragma once
/// Reading back what confines a container, before it runs any code of the guest.
///
/// A container's process is one of this kernel's: what is read of it is what the process wall reads. gVisor's guest is
/// not: what can be read outside is how gVisor's own kernel (the sentry) is confined, and `namespaces`, `user_mapping`
/// and the count of filters are its. What the guest has inside (no capability, the filter, a root that cannot be
/// written) is what the configuration and brig-init's plan put there, none of whose steps may fail.
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "runtimes/process/attest.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/maker.h"

namespace brig::runtimes::oci {

struct Made {
  process::Wall wall = process::Wall::kRunc;
  int pid = 0;    ///< of what sent brig-init's report: the container's process, or the sentry
  int nanny = 0;  ///< its pid
  process::OutsideIds ids;
  std::optional<std::uint32_t> zero;  ///< the outside id of the uid 0 that the configuration maps
  std::string image;
  std::string format;
  std::uint32_t landlock_rules = 0;
};

/// kInternal, naming the difference.
Result<runtime::Attestation> confirm_container(const Made& made, const process::HostReport& host,
                                               process::Outside outside);

/// "container" or "gvisor".
std::string_view wall_name(process::Wall wall);

}  // namespace brig::runtimes::oci
