#pragma once
/// From a request and a host to a plan. Pure: reads two values, touches nothing.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/plan.h"
#include "runtimes/process/plan_wire.h"

namespace brig::runtimes::process {

/// What root has in a root that can be written: over files of its namespace's ids, and to become one of them (CHOWN,
/// DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID; linux/capability.h). No mounts, devices, network, tracing.
inline constexpr std::uint64_t kBuilderCapabilities = 0xFB & ~(1ULL << 2U);
/// Its ids: this many from 0 inside, from `kFirstBuilderId` outside. Always the same, so that one build's layers belong
/// to the next step's root; below the ids of sandboxes, above what distributions give to users.
inline constexpr std::uint32_t kFirstBuilderId = 0x60000000;
inline constexpr std::uint32_t kBuilderIds = 65'536;

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

/// Parts of a plan, for walls whose namespaces somebody else makes. The tree: what is found in the root, from /usr to
/// the mounts of the request, but without /proc and terminals; `first_slot` is that of the image, or of the first
/// mount.
Result<JailPlan> compile_tree(const LaunchRequest& request, const HostReport& host,
                              const std::vector<MountIdentity>& identities, std::uint32_t first_slot);
/// And what a process without capabilities does to itself: limits, no new privileges, Landlock, hidden, the filter.
JailPlan compile_confinement(const LaunchRequest& request, const HostReport& host);

/// The names at the top of /proc that stay visible, besides processes.
std::span<const char* const> proc_shown();

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
/// The same for an OCI runtime (seccomp_oci.h), as JSON, and what is added where ids are changed afterwards.
std::string_view oci_seccomp();
std::string_view oci_seccomp_identity();

}  // namespace brig::runtimes::process
