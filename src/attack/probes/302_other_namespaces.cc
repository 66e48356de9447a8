/// 302_other_namespaces: calls unshare for each kind, each in a child of its own.
/// Expected: no CAP_SYS_ADMIN, and the filter.
#include <sched.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args& args) {
  const long flag = args.number("flag", 0);
  return refused("unshare " + args.text("flag"), ::unshare(static_cast<int>(flag)));
}
Finding run(const Args&) {
  std::vector<Finding> findings;
  for (int flag : {CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP,
                   0x80 /* CLONE_NEWTIME */}) {
    findings.push_back(in_child(attempt, Args({"flag=" + std::to_string(flag)})));
  }
  return worst(findings);
}

}  // namespace

constinit const Probe k302OtherNamespaces = {
    .name = "302_other_namespaces",
    .group = Group::kProcess,
    .attack = "make a mount, pid, network, ipc, uts, cgroup or time namespace",
    .cve = "",
    .refusal = "no CAP_SYS_ADMIN, and the filter",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
