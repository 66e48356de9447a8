/// 012_host_users: counts the entries of /etc/passwd: the sandbox's own has root, its user and nobody.
/// Expected: the sandbox has a passwd file of its own.
#include <algorithm>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const auto text = read_some("/etc/passwd");
  if (!text.has_value()) return held("no /etc/passwd");
  const auto users = std::ranges::count(*text, '\n');
  return users > 5 ? breached("/etc/passwd has " + std::to_string(users) + " users")
                   : held(std::to_string(users) + " users");
}

}  // namespace

constinit const Probe k012HostUsers = {
    .name = "012_host_users",
    .group = Group::kFiles,
    .attack = "learn the host's users from /etc/passwd",
    .cve = "",
    .refusal = "the sandbox has a passwd file of its own",
    .run = run,
};

}  // namespace brig::attack::probes
