#pragma once
/// Cgroups: one group per sandbox, on cgroup v1, v2 and hybrid hosts.
///
/// CgroupTree is where groups may be made on this host (found once, read-only). Cgroup is one group: made, limited,
/// read and removed by one owner. v1 has one folder per controller, v2 one in all; callers see no difference, except
/// how a process gets in: v2 by clone3 (`clone_target`), v1 by writing "0" to `join_files` from inside, which takes no
/// global lock (moving another process by its pid does, and waits 8–25 ms at random).
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/units.h"

namespace brig::sys {

enum class CgroupVersion : std::uint8_t { kNone, kV1, kV2, kHybrid };
std::string_view to_string(CgroupVersion version);

/// Where this process may make groups. Folders are host paths; empty = that controller is not to be had.
struct CgroupTree {
  CgroupVersion version = CgroupVersion::kNone;
  std::string memory;  ///< parent folder for new groups; on v2 the three are the same
  std::string pids;
  std::string cpu;
  std::string freezer;  ///< parent on a v2 hierarchy, whose freezer needs no controller: also where the rest is v1
  std::string why_not;  ///< if something is missing: the reason, for people
  [[nodiscard]] bool has_all() const { return !memory.empty() && !pids.empty() && !cpu.empty(); }
  /// v1's own freezer is not used: what it holds cannot be killed, and would outlive whoever held it.
  [[nodiscard]] bool may_freeze() const { return has_all() && !freezer.empty(); }
  bool operator==(const CgroupTree&) const = default;
};

/// Finds the tree from the text of /proc/self/mountinfo and /proc/self/cgroup. `root` is prefixed to every path that is
/// then looked at, so that tests can give a made-up tree; "" on a real host. Looks only; makes nothing.
CgroupTree find_cgroup_tree(std::string_view mountinfo, std::string_view self_cgroup, const std::string& root = "");
/// The tree of this process.
CgroupTree find_own_cgroup_tree();

struct CgroupLimits {
  Bytes memory;
  std::uint32_t pids = 0;
  std::uint32_t cpu_millis = 0;
  bool operator==(const CgroupLimits&) const = default;
};

struct CgroupCounters {
  Bytes peak_memory;
  std::uint64_t memory_kills = 0;
  std::uint64_t pids_refusals = 0;
};

/// What a group uses at this moment.
struct CgroupUse {
  Bytes memory;
  std::uint64_t pids = 0;
  Milliseconds cpu{0};  ///< by all its processes, ended ones as well
};

inline constexpr std::string_view kContainerGroup = "box";

class Cgroup {
 public:
  /// Makes the group `brig/<name>` in every controller of the tree and sets the limits: memory without swap, pids, cpu.
  /// All or nothing.
  static Result<Cgroup> create(const CgroupTree& tree, const std::string& name, const CgroupLimits& limits);

  Cgroup(Cgroup&&) = default;
  Cgroup& operator=(Cgroup&&) = default;
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;
  /// Removes the group if destroy() was not called; failures are left to sweep_cgroups().
  ~Cgroup();

  /// The group that somebody else has put a process in, to be read only: nothing of it is ever changed or removed.
  /// kUnavailable if it cannot be found from here.
  static Result<Cgroup> of_process(pid_t pid);
  /// The same from the texts of /proc/self/mountinfo and of the process's /proc/PID/cgroup; `root` as above.
  static Result<Cgroup> find(std::string_view mountinfo, std::string_view cgroup, const std::string& root = "");

  /// v1 and hybrid: open `tasks` files, one per controller; empty on v2.
  [[nodiscard]] const std::vector<Fd>& join_files() const { return join_files_; }
  /// v2: the open folder for clone3; not open on v1.
  [[nodiscard]] FdRef clone_target() const { return clone_target_.ref(); }

  /// Sets them anew, and the peak of memory back to what is used now (v1 only). kSystem EBUSY if more is used already.
  Result<> set_limits(const CgroupLimits& limits);
  /// The group's folder in the v2 hierarchy, made there if all limits are v1's: where an OCI runtime may make a group
  /// `kContainerGroup`, which destroy() removes as well. kUnsupported without such a hierarchy.
  Result<std::string> v2_folder();

  /// The limits as the kernel has them now.
  [[nodiscard]] Result<CgroupLimits> read_limits() const;
  [[nodiscard]] CgroupCounters counters() const;
  /// Zeros for what cannot be read. On v1 without cpuacct beside cpu, processor time is added up from /proc.
  [[nodiscard]] CgroupUse use() const;
  /// Stops every process, and returns when all have stopped; blocks for `limit` at most (kDeadline, and nothing is
  /// stopped). What is stopped can still be killed. kUnsupported where the tree may not freeze.
  Result<> freeze(Milliseconds limit);
  /// Lets them go on.
  Result<> thaw();
  /// Removes the group. Every process must have ended; EBUSY right after that is retried for a moment.
  Result<> destroy();

 private:
  Cgroup() = default;
  Result<> make_freezer();
  bool is_v2_ = false;
  bool is_borrowed_ = false;  ///< somebody else's
  std::string memory_;
  std::string pids_;
  std::string cpu_;
  std::string freezer_parent_;
  std::string name_;
  std::string freezer_;  ///< hybrid: made when first used, because few are ever stopped and each folder costs
  std::vector<Fd> join_files_;
  Fd clone_target_;
};

/// Stops, or lets go on, the processes of the v2 group in `folder`: see Cgroup::freeze().
Result<> freeze_folder(const std::string& folder, Milliseconds limit);
Result<> thaw_folder(const std::string& folder);

/// Kills and removes the group `brig/<name>` left behind by a process that died. Nothing to do is no error.
Result<> remove_cgroup(const CgroupTree& tree, const std::string& name);

/// Whether nothing is left of the group `brig/<name>`. Asks only.
bool cgroup_is_gone(const CgroupTree& tree, const std::string& name);

/// Makes the folders brig/ that hold all groups, where they are missing.
Result<> make_cgroup_folders(const CgroupTree& tree);

/// The folders brig/ that hold all groups, as far as they exist.
std::vector<std::string> cgroup_folders(const CgroupTree& tree);

/// Removes the empty groups below brig/ that are older than `age`: what killed wardens left. Groups with processes are
/// alive.
void sweep_cgroups(const CgroupTree& tree, Milliseconds age);

}  // namespace brig::sys
