#pragma once
/// Reading back from the kernel what confines a process, before it runs any code of the guest.
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/attestation.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/launch.h"
#include "sys/cgroup.h"

namespace brig::runtimes::process {

/// The lines of /proc/<pid>/status that matter (proc(5)).
struct ProcessStatus {
  std::string
      capabilities[5];  ///< inheritable, permitted, effective, bounding, ambient; hex without leading zeros ("0")
  int no_new_privs = -1;
  int seccomp_mode = -1;     ///< 2 = filter
  int seccomp_filters = -1;  ///< -1 where the kernel does not say (before 5.9)
  bool operator==(const ProcessStatus&) const = default;
};
ProcessStatus parse_status(std::string_view text);

/// True if the first mount at "/" in the text of /proc/<pid>/mountinfo is read-only.
bool is_root_read_only(std::string_view mountinfo);

struct Expectation {
  std::uint32_t outside_uid = 0;
  std::uint32_t landlock_rules = 0;
};

/// Reads everything back about the process `pid` and compares it with what was asked. kInternal, naming the difference,
/// if anything confines less than the request says and is not in `weaknesses`: the sandbox must then be destroyed.
Result<runtime::Attestation> attest(int pid, const LaunchRequest& request, const HostReport& host,
                                    const sys::Cgroup* cgroup, const Expectation& expectation);

}  // namespace brig::runtimes::process
