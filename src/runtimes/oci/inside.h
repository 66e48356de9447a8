#pragma once
/// What brig-init does to itself inside a container, and what of /proc is covered for it. Pure but for covered_proc().
#include <string>
#include <vector>

#include "base/result.h"
#include "runtimes/process/compile.h"

namespace brig::runtimes::oci {

/// Limits, no new privileges, Landlock, hidden, the system-call filter: as in the process wall. gVisor's kernel has no
/// Landlock and lets some limits be set from outside only.
process::JailPlan compile_inside(const process::LaunchRequest& request, process::HostReport host);

/// What is at the top of this kernel's /proc besides processes and what may be seen.
Result<std::vector<std::string>> covered_proc();

}  // namespace brig::runtimes::oci
