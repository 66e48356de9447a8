#pragma once
/// The configuration of a container by the OCI runtime specification (config.json), from a request. Pure: compared with
/// golden files.
///
/// It is as tight as the process wall: namespaces of its own, a user namespace in which two ids are mapped (the
/// specification's runtimes need an uid 0; nothing inside can become it), no capability, no new privileges, a root that
/// nobody can write, the same covers in /proc. What the program does to itself besides (limits, Landlock, the
/// system-call filter) is the same plan on every wall and executed by brig-init, the container's process. The filter is
/// in the configuration as well, made of the same table: it stands from the container's first instruction on, and
/// leaves brig-init what that needs to install its own.
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtimes/process/launch.h"

namespace brig::runtimes::oci {

/// Where things are in the box: what the nanny and the OCI runtime have for a root (box.h).
inline constexpr std::string_view kBundle = "/box";
inline constexpr std::string_view kRootFolder = "/box/rootfs";
inline constexpr std::string_view kInitInside = "/run/brig-init";

/// Outside ids of a container's uid 0, besides the sandbox's own: this and the warden's pid. Between those of builders
/// and of sandboxes.
inline constexpr std::uint32_t kFirstZeroId = 0x68000000;

struct SpecInput {
  process::Wall wall = process::Wall::kRunc;
  bool is_crun = false;      ///< of the runtimes of that wall, this one
  bool is_rootless = false;  ///< by a runtime that is uid 0 of one id; `user` and `zero` are not used
  std::uint32_t user = 0;    ///< outside ids of the sandbox's user, and of its uid 0
  std::uint32_t zero = 0;
  std::string cgroup;                ///< below /sys/fs/cgroup, as the runtime sees it; empty = it makes none
  std::vector<std::string> covered;  ///< at the top of /proc: what is there and must not be read
  const std::vector<process::LaunchMount>* mounts = nullptr;
};

Result<std::string> make_spec(const SpecInput& input);

}  // namespace brig::runtimes::oci
