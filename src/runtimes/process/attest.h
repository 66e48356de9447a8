#pragma once
/// Reading back from the kernel what confines a process, before it runs any code of the guest.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  int seccomp_mode = -1;                             ///< 2 = filter
  int seccomp_filters = -1;                          ///< -1 where the kernel does not say (before 5.9)
  std::optional<std::vector<std::uint32_t>> uids;    ///< real, effective, saved, of file systems; none if malformed
  std::optional<std::vector<std::uint32_t>> gids;    ///< the same
  std::optional<std::vector<std::uint32_t>> groups;  ///< supplementary
  bool operator==(const ProcessStatus&) const = default;
};
ProcessStatus parse_status(std::string_view text);

/// What can be read before the process is confined, while it executes its plan: our own namespaces, and the limits of
/// its groups, which nobody inside can write.
struct Outside {
  std::array<std::uint64_t, 7> namespaces{};  ///< inodes, in the order of kNamespaces
  runtime::Attestation::Cgroup cgroup;
};

/// kInternal, naming the difference, if a group's limit is looser than asked.
Result<Outside> read_outside(const sys::CgroupLimits& asked, const HostReport& host, const sys::Cgroup* cgroup);

struct Expectation {
  std::string runtime = "process";
  std::uint32_t outside_uid = 0;
  std::uint32_t outside_gid = 0;
  std::vector<std::uint32_t> groups;  ///< supplementary ones that are known to stay (without root)
  std::uint32_t landlock_rules = 0;
  std::string image;                       ///< digest; empty = the host's /usr
  std::string format;                      ///< of the image, as it is mounted
  std::optional<std::uint32_t> zero = {};  ///< outside id of uid and gid 0 inside, where a runtime maps them as well
  bool is_builder = false;  ///< has a root that it can write, ids and capabilities of its own (compile.h)
};

/// Whether the process is who it should be: the texts of its uid_map and gid_map, and what status says of its ids.
/// kInternal, naming the difference.
Result<> confirm_identity(const ProcessStatus& status, std::string_view uid_map, std::string_view gid_map,
                          const Expectation& expectation);

/// "none", or the mask of what is left and meant to be. kInternal, naming the difference.
Result<std::string> confirm_capabilities(const ProcessStatus& status, const Expectation& expectation);

/// Those of a process's namespaces that are not ours: "cgroup", "ipc", …
Result<std::vector<std::string>> own_namespaces(int pid, const Outside& outside);

/// kInternal: what the kernel says is not what was asked for.
Error differs(std::string_view what);

/// Every line of a uid_map or gid_map: "1000 -> 1879048193", with the count if it is not 1.
std::string mapping_text(std::string_view map);

/// Reads everything back about the process `pid` and compares it with what was asked. kInternal, naming the difference,
/// if anything confines less than the request says and is not in `weaknesses`: the sandbox must then be destroyed.
Result<runtime::Attestation> attest(int pid, const HostReport& host, Outside outside, const Expectation& expectation);

}  // namespace brig::runtimes::process
