/// 305_setns: opens the supervisor's namespace and enters it, in a child.
/// Expected: pid 1 is not dumpable, and the filter refuses setns.
#include <fcntl.h>
#include <sched.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args& args) {
  const std::string path = "/proc/" + args.text("supervisor") + "/ns/mnt";
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return held(path + ": " + error_name(errno));
  return refused("setns", ::setns(fd.get(), CLONE_NEWNS));
}
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k305Setns = {
    .name = "305_setns",
    .group = Group::kProcess,
    .attack = "enter the supervisor's mount namespace",
    .cve = "",
    .refusal = "pid 1 is not dumpable, and the filter refuses setns",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
