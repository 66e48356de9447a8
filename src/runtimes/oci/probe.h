#pragma once
/// What `brig doctor` says about an OCI runtime on this host, and what a wall made by it cannot enforce.
#include <string>
#include <vector>

#include "runtime/runtime.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/launch.h"

namespace brig::runtimes::oci {

/// Looks, and starts no sandbox: whether one comes up is for whoever tries. Only runsc is asked for its version.
runtime::Probe probe_wall(process::Wall wall, const process::HostReport& host, const std::string& launcher);

/// Cheap: looks at the host's report and for the program. kUnsupported or kUnavailable, with what mends it.
Result<> is_possible(process::Wall wall, const process::HostReport& host);

/// In plain words; empty is the normal case for root.
std::vector<std::string> weaknesses_of(process::Wall wall, const policy::Limits& limits,
                                       const process::HostReport& host);

}  // namespace brig::runtimes::oci
