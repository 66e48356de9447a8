/// 430_filter_listener: installs a filter with a listener that allows everything, in a child.
/// Expected: the filter refuses seccomp.
#include <linux/filter.h>
#include <linux/seccomp.h>
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
  return refused("seccomp(NEW_LISTENER)",
                 ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k430FilterListener = {
    .name = "430_filter_listener",
    .group = Group::kKernel,
    .attack = "install a filter that asks user space (notifications)",
    .cve = "",
    .refusal = "the filter refuses seccomp",
    .run = run,
};

}  // namespace brig::attack::probes
