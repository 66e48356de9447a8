/// 318_become_root: asks for uid and gid 0 in every way, in a child.
/// Expected: root is not mapped in the user namespace, and there is no CAP_SETUID.
#include <sys/fsuid.h>
#include <unistd.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args&) {
  return worst({refused("setuid(0)", ::setuid(0), {EINVAL}), refused("setreuid(0)", ::setreuid(0, 0), {EINVAL}),
                refused("setresuid(0)", ::setresuid(0, 0, 0), {EINVAL}), refused("setgid(0)", ::setgid(0), {EINVAL})});
}
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k318BecomeRoot = {
    .name = "318_become_root",
    .group = Group::kProcess,
    .attack = "become root",
    .cve = "",
    .refusal = "root is not mapped in the user namespace, and there is no CAP_SETUID",
    .run = run,
};

}  // namespace brig::attack::probes
