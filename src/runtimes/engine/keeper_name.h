#pragma once
/// KeeperName: which process keeps a container, so that a later one can tell that it is dead.
///
/// A pid alone could be another process's by then, and another pid namespace's or another boot's would mean nothing
/// here: the name has the boot, the pid namespace, the pid and the moment at which the process began.
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace brig::runtimes::engine {

struct KeeperName {
  std::string boot;                 ///< /proc/sys/kernel/random/boot_id
  std::uint64_t pid_namespace = 0;  ///< inode
  pid_t pid = 0;
  std::uint64_t begun = 0;  ///< ticks since boot (proc_pid_stat(5), field 22)
  bool operator==(const KeeperName&) const = default;
};

std::string format(const KeeperName& name);
/// None for what format() does not write.
std::optional<KeeperName> parse_keeper(std::string_view text);

/// Of this process.
Result<KeeperName> own_keeper_name();

/// Whether that process has ended, as far as `own` can tell: one of another boot has, unless the engine is another
/// machine's; nothing is known of another pid namespace of this boot.
bool is_dead(const KeeperName& name, const KeeperName& own);

/// Field 22 of the text of a /proc/PID/stat; none if there is no such.
std::optional<std::uint64_t> begun_in(std::string_view stat);

}  // namespace brig::runtimes::engine
