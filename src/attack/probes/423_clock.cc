/// 423_clock: asks for a tick that is out of range: the kernel asks for the privilege first.
/// Expected: the filter, and no CAP_SYS_TIME.
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include <ctime>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  timex request{};
  request.modes = ADJ_TICK;
  request.tick = 1;
  const Finding adjusted = refused("adjtimex", ::adjtimex(&request));
  return worst({adjusted, refused("clock_adjtime", ::syscall(SYS_clock_adjtime, CLOCK_REALTIME, &request))});
}

}  // namespace

constinit const Probe k423Clock = {
    .name = "423_clock",
    .group = Group::kKernel,
    .attack = "set the machine's clock",
    .cve = "",
    .refusal = "the filter, and no CAP_SYS_TIME",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
