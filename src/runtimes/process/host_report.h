#pragma once
/// HostReport: what this host offers to the process wall, as a value, so that plans compile purely and tests can take things away.
#include <cstdint>
#include <string>
#include <vector>

#include "sys/cgroup.h"

namespace brig::runtimes::process {

struct HostReport {
  bool is_root = false;             ///< may map any id and make any cgroup; otherwise "rootless"
  std::uint32_t uid = 0;            ///< ours
  std::uint32_t gid = 0;
  bool has_extra_groups = false;    ///< supplementary groups a rootless sandbox cannot drop
  int landlock_abi = 0;
  bool has_user_namespaces = true;  ///< user.max_user_namespaces is not 0 and no known switch forbids them
  std::string why_no_user_namespaces;
  sys::CgroupTree cgroups;
  std::string kernel;
  std::string lsm;                  ///< our own label; empty if the host has none

  /// A folder of the root of the file system besides /usr that programs need: a link into usr/, or a real folder.
  struct RootEntry {
    std::string name;    ///< "bin"
    std::string target;  ///< "usr/bin"; empty for a real folder
    bool operator==(const RootEntry&) const = default;
  };
  std::vector<RootEntry> root_entries;
  std::vector<std::string> etc_entries;  ///< of kEtcEntries, those that exist
  struct ProcEntry {
    std::string name;
    bool is_folder = false;
    bool operator==(const ProcEntry&) const = default;
  };
  std::vector<ProcEntry> proc_entries;   ///< top level of /proc that others may read, without processes
  bool operator==(const HostReport&) const = default;
};

/// What decides whether a policy can be enforced here: ids, namespaces, cgroups, Landlock. The lists of files stay empty.
HostReport report_abilities();
/// Adds what plans need besides: the lists of files, and the label. Both look only; well under a millisecond.
void add_files(HostReport& report);

}  // namespace brig::runtimes::process
