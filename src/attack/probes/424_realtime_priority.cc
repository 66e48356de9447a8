/// 424_realtime_priority: asks for a real-time policy and for the highest ordinary priority in a child that ends at
/// once. Expected: no CAP_SYS_NICE, and limits of zero.
#include <sched.h>
#include <sys/resource.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args&) {
  sched_param parameter{};
  parameter.sched_priority = 1;
  return worst({refused("sched_setscheduler(FIFO)", ::sched_setscheduler(0, SCHED_FIFO, &parameter)),
                refused("setpriority(-20)", ::setpriority(PRIO_PROCESS, 0, -20))});
}
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k424RealtimePriority = {
    .name = "424_realtime_priority",
    .group = Group::kKernel,
    .attack = "starve the host with a real-time priority",
    .cve = "",
    .refusal = "no CAP_SYS_NICE, and limits of zero",
    .run = run,
    .needs_root = true,
    .own_kernel = "priorities are those of its own kernel's tasks",
};

}  // namespace brig::attack::probes
