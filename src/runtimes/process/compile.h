#pragma once
/// From a request and a host to a plan. Pure: reads two values, touches nothing.
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/plan.h"

namespace brig::runtimes::process {

/// The user inside, by the field's convention; and the only id that is mapped.
inline constexpr std::uint32_t kInsideUid = 1000;
inline constexpr std::uint32_t kInsideGid = 1000;

/// Identity of a mount's source, to notice an exchange between looking and mounting (rootless).
struct MountIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
};

/// The plan that enforces every clause of `request` on this host. `identities` has one entry a mount when the mounts
/// are bound by path (rootless) and is empty when they come as descriptors. kUnsupported, naming the clause, if the
/// host lacks what a clause needs.
Result<JailPlan> compile(const LaunchRequest& request, const HostReport& host,
                         const std::vector<MountIdentity>& identities);

/// What was asked for and will not be enforced here, in plain words; empty is the normal case for root. What has no
/// words here is enforced or refused.
std::vector<std::string> weaknesses_of(const policy::Limits& limits, const HostReport& host);

/// The rules of the file restriction, 0 if this kernel has none.
std::uint32_t landlock_rule_count(const JailPlan& plan);

/// The filter that ships, for this architecture.
struct SeccompProgram {
  std::string bytes;
  std::string hash;  ///< SHA-256, first 16 hex digits
  std::uint32_t allowed = 0;
};
const SeccompProgram& seccomp_program();

}  // namespace brig::runtimes::process
