/// 323_filter_override: adds a filter that allows everything, then tries what the sandbox's filter refuses, in a child.
/// Expected: filters only add up; and adding is refused.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args&) {
  sock_filter allow{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  sock_fprog program{1, &allow};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const long added = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  Finding finding = refused("unshare(CLONE_NEWUSER)", ::unshare(CLONE_NEWUSER));
  finding.seen += added == 0 ? " after a filter was added" : " (no filter could be added)";
  return finding;
}
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k323FilterOverride = {
    .name = "323_filter_override",
    .group = Group::kProcess,
    .attack = "weaken the system-call filter by adding one that allows all",
    .cve = "",
    .refusal = "filters only add up; and adding is refused",
    .run = run,
};

}  // namespace brig::attack::probes
