#pragma once
/// The body of POST /containers/create: a container as tight as the other walls, from a request. Pure: compared with a
/// golden file.
///
/// No network, no capability, no new privileges, a root that nobody can write, the same covers in /proc, memory without
/// swap, processes and processors limited, no log on the host's disk, and gone with its end. The engine installs no
/// filter of system calls of its own: brig-init installs ours before it lets anything of the guest begin (and a second
/// one of the engine's might refuse what installing it takes).
#include <cstdint>
#include <string>
#include <vector>

#include "runtimes/engine/tree.h"
#include "runtimes/process/launch.h"

namespace brig::runtimes::engine {

inline constexpr std::string_view kInitInside = "/run/brig-init";

struct BodyInput {
  const process::LaunchRequest& request;
  const Tree& tree;
  std::string image;                 ///< image_name()
  std::string init;                  ///< brig-init on the host
  std::string scratch;               ///< the scratch's folder on the host; empty: the engine makes one for each place
  std::uint32_t core_limit = 1;      ///< HostReport::core_limit
  std::vector<std::string> covered;  ///< at the top of /proc: what is there and must not be read
  std::string keeper;                ///< the label (keeper_name.h)
  bool is_podman = false;            ///< which is told by an option of its own what is to be masked
};

std::string create_body(const BodyInput& input);

/// What is covered, as paths inside: what the engine is asked to mask, and what must be found masked.
std::vector<std::string> masked_paths(const BodyInput& input);

}  // namespace brig::runtimes::engine
