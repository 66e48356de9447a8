/// 301_user_namespace: calls unshare(CLONE_NEWUSER) in a child.
/// Published: CVE-2022-0185, CVE-2023-0386, CVE-2024-1086 start here.
/// Expected: the system-call filter.
#include <sched.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args&) { return refused("unshare(CLONE_NEWUSER)", ::unshare(CLONE_NEWUSER)); }
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k301UserNamespace = {
    .name = "301_user_namespace",
    .group = Group::kProcess,
    .attack = "make a user namespace, the door to every other privilege",
    .cve = "CVE-2022-0185, CVE-2023-0386, CVE-2024-1086 start here",
    .refusal = "the system-call filter",
    .run = run,
};

}  // namespace brig::attack::probes
