#pragma once
/// HostReport: what this host offers to the process wall, as a value, so that plans compile purely and tests can take
/// things away.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sys/cgroup.h"

namespace brig::runtimes::process {

/// Outside ids of sandboxes made by root: this and the warden's pid, which no other live process has. Above every id
/// that distributions and subuid ranges give out, below 2^31 (some programs read ids as signed).
inline constexpr std::uint32_t kFirstOutsideId = 0x70000000;

struct HostReport {
  bool is_root = false;   ///< may map the ids of sandboxes; otherwise "rootless", like the root of most containers
  std::uint32_t uid = 0;  ///< ours
  std::uint32_t gid = 0;
  bool has_extra_groups = false;  ///< supplementary groups a rootless sandbox cannot drop
  std::uint32_t core_limit =
      1;  ///< the limit of core files that a sandbox can be given: 1, or 0 if ours is and stays 0
  bool has_core_handler = false;  ///< core_pattern is a program, which the kernel starts at a limit of 0 (core(5))
  int landlock_abi = 0;
  bool has_disk_scratch = false;    ///< scratch that is larger than memory can lie on the disk (disk_scratch.h)
  bool has_user_namespaces = true;  ///< user.max_user_namespaces is not 0 and no known switch forbids them
  std::string why_no_user_namespaces;
  sys::CgroupTree cgroups;
  std::string kernel;

  /// An entry of the root of the file system besides /usr that programs need: a link, or a real folder.
  struct RootEntry {
    std::string name;      ///< "bin"
    std::string target;    ///< "usr/bin"; empty for what is no link
    bool is_file = false;  ///< only images have these
    bool operator==(const RootEntry&) const = default;
  };
  std::vector<RootEntry> root_entries;   ///< of the host, or of the image (image_mount.h)
  std::vector<std::string> etc_entries;  ///< of kEtcEntries, those that exist
  std::uint32_t processors = 1;          ///< online
  bool operator==(const HostReport&) const = default;
};

/// Whether an id map (the text of /proc/self/uid_map) has all ids that sandboxes may be given.
bool maps_outside_ids(std::string_view map);

/// What decides whether a policy can be enforced here: ids, namespaces, cgroups, Landlock. The lists of files stay
/// empty.
HostReport report_abilities();
/// Adds what plans need besides: the lists of files, and the processors. Both look only; well under a millisecond.
void add_files(HostReport& report);

}  // namespace brig::runtimes::process
