#pragma once
/// Reading back what confines a container that an engine made, before it runs any code of the guest.
///
/// The engine is believed that a process is the container's, and its word is checked: the kernel must say that this
/// process is in a group with the container's id. Everything else is what the kernel says of the process. Who is not
/// root may not look at its namespaces and its program; a weakness says so.
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtimes/engine/answers.h"
#include "runtimes/process/attest.h"

namespace brig::runtimes::engine {

struct Expected {
  pid_t pid = 0;
  std::string container;              ///< its id
  std::string runtime;                ///< "docker"
  std::vector<std::string> masked;    ///< paths inside
  std::vector<std::string> writable;  ///< of the scratch, paths inside
  std::uint64_t scratch_device = 0;   ///< 0: a file system each
  std::string init;                   ///< brig-init on the host
  bool may_look = false;              ///< we are root
  bool has_cgroup_namespace = true;   ///< as it must; see has_cgroup_namespace()
  bool has_user_namespace = false;    ///< the engine says so
  std::uint32_t landlock_rules = 0;
};

/// kInternal, naming the difference. `group`: the process's.
Result<runtime::Attestation> confirm(const Expected& expected, const process::HostReport& host,
                                     const sys::CgroupLimits& asked, const sys::Cgroup& group);

/// Podman makes a cgroup namespace on cgroup v2 only.
bool has_cgroup_namespace(const About& about, const process::HostReport& host);

/// Whether the text of a /proc/PID/cgroup has a group with that id in its name.
bool names_container(std::string_view cgroup, std::string_view id);

/// A line of a /proc/PID/mountinfo (proc(5)).
struct Mounted {
  std::string path;
  std::string type;          ///< of the file system
  std::uint64_t device = 0;  ///< as stat() has it
  bool is_read_only = false;
};
/// The last one counts where several are at one path.
std::vector<Mounted> read_mounts(std::string_view mountinfo);

/// kInternal if the root can be written, something is not masked, or what can be written is not the scratch.
Result<> confirm_mounts(const std::vector<Mounted>& mounts, const Expected& expected);

/// kInternal if the text of a /proc/PID/net/dev has more than the loopback.
Result<> confirm_network(std::string_view devices);

}  // namespace brig::runtimes::engine
