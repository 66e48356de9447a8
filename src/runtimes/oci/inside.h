#pragma once
/// What brig-init does to itself inside a container. Pure.
#include "runtimes/process/compile.h"

namespace brig::runtimes::oci {

/// Limits, no new privileges, Landlock, hidden, the system-call filter: as in the process wall. gVisor's kernel has no
/// Landlock and lets some limits be set from outside only.
process::JailPlan compile_inside(const process::LaunchRequest& request, process::HostReport host);

}  // namespace brig::runtimes::oci
