#pragma once
/// The profile in the words of the OCI runtime specification (config-linux.md, "Seccomp"), for an OCI runtime to
/// install before it starts brig-init. Made at build time by brig-seccomp from the one table.
///
/// It says what the compiled filter says, call by call and argument by argument, but for what brig-init needs to
/// install that one (start_rules(), identity_rules()), and for the few calls with long lists of arguments (ioctl,
/// prctl, setsockopt), which it lets pass: a runtime compiles the profile for each container, and those lists cost
/// it nearly as much as all the rest. Of two filters the stricter answer counts, so together they are the compiled
/// filter.
#include <set>
#include <string>

#include "base/result.h"
#include "runtimes/process/seccomp_compile.h"

namespace brig::runtimes::process {

struct OciProfile {
  std::string seccomp;   ///< JSON: the object `linux.seccomp`
  std::string identity;  ///< JSON: an array of more `syscalls`, for identity_rules()
};

/// The calls whose arguments the profile leaves to the compiled filter.
std::set<std::string> calls_with_long_lists();

Result<OciProfile> oci_profile(Architecture architecture);

}  // namespace brig::runtimes::process
