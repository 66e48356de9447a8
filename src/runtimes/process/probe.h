#pragma once
/// What `brig doctor` says about the process wall on this host.
#include <string>

#include "runtime/runtime.h"
#include "runtimes/process/host_report.h"

namespace brig::runtimes::process {

/// Findings from the report, and from really making a user namespace in a child.
runtime::Probe probe_host(const HostReport& host, const std::string& launcher);

}  // namespace brig::runtimes::process
