/// 331_identity_map: writes a map that makes the own user root into /proc/self/uid_map, after a user namespace of its
/// own where that is possible. Published: CVE-2018-18955. Expected: the map is written once, from outside.
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args&) {
  const std::string map = "0 " + std::to_string(::getuid()) + " 1";
  const int made = ::unshare(CLONE_NEWUSER);
  const Fd fd(::open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC));
  if (!fd.is_open()) return held("uid_map: " + error_name(errno));
  const ssize_t n = ::write(fd.get(), map.data(), map.size());
  return refused(made == 0 ? "uid_map in a new namespace" : "uid_map", n, {EINVAL});
}
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k331IdentityMap = {
    .name = "331_identity_map",
    .group = Group::kProcess,
    .attack = "map root into the sandbox's user namespace",
    .cve = "CVE-2018-18955",
    .refusal = "the map is written once, from outside",
    .run = run,
};

}  // namespace brig::attack::probes
