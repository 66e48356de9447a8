#pragma once
/// Attestation: what really confines a cell, read back from the kernel after it was built and before any guest code
/// ran.
///
/// Nothing here is copied from the request (`choice` says how the wall was found, and is the chooser's). What the
/// kernel does not tell (which filter and which Landlock rules are installed, the image, the network mode) is what the
/// wall's own steps put there, none of which may fail. `weaknesses` names in plain words whatever was asked for and is
/// not enforced.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace brig::runtime {

struct Attestation {
  std::string runtime;  ///< "process", "gvisor", …
  policy::Boundary boundary = policy::Boundary::kSharedKernel;
  std::string kernel;                   ///< "Linux 6.18.0"
  std::vector<std::string> namespaces;  ///< those that differ from the host's: "user", "pid", "mnt", "net", …
  std::string user_mapping;             ///< "1000 -> 1879048193"
  std::string capabilities;             ///< "none", or the hex mask of what is left
  bool no_new_privs = false;
  struct Seccomp {
    std::string profile_hash;    ///< SHA-256 of the program that the wall installs, first 16 hex digits
    std::string default_action;  ///< "errno ENOSYS"
    std::uint32_t allowed = 0;   ///< system calls that may be made at all
    std::uint32_t filters = 0;   ///< filters the kernel says are installed
  } seccomp;
  struct Landlock {
    int abi = 0;  ///< 0 = the kernel has none
    std::uint32_t rules = 0;
  } landlock;
  std::string lsm_label;  ///< empty where the host has none
  struct Cgroup {
    std::string version;                        ///< "v1", "v2", "hybrid", "none"
    std::optional<std::uint64_t> memory_bytes;  ///< as the kernel has it now
    std::optional<std::uint64_t> pids;
    std::optional<std::uint32_t> cpu_millis;
  } cgroup;
  struct RootFs {
    bool is_read_only = false;
    std::string image;   ///< "host", or the digest that the template's image was published under
    std::string format;  ///< "host", or the image's file system as the kernel has mounted it: "erofs", "squashfs"
  } rootfs;
  std::string network;  ///< "none"
  /// Where another machine attested this: everything here is its word, and no more.
  struct Remote {
    std::string host;
    std::string runtime;   ///< of its own
    std::string boundary;  ///< as it says, believed or not
  };
  std::optional<Remote> remote;
  std::vector<std::string> weaknesses;
  std::string choice;  ///< why it is this wall: by whoever chose it (walls.h), empty if nobody did
};

}  // namespace brig::runtime
