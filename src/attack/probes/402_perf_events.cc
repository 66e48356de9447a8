/// 402_perf_events: opens a software event of its own process and closes it.
/// Published: CVE-2013-2094, CVE-2022-1729.
/// Expected: the filter.
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  perf_event_attr request{};
  request.type = PERF_TYPE_SOFTWARE;
  request.size = sizeof request;
  request.config = PERF_COUNT_SW_TASK_CLOCK;
  request.exclude_kernel = 1;
  return refused("perf_event_open", ::syscall(SYS_perf_event_open, &request, 0, -1, -1, 0UL));
}

}  // namespace

constinit const Probe k402PerfEvents = {
    .name = "402_perf_events",
    .group = Group::kKernel,
    .attack = "open performance events",
    .cve = "CVE-2013-2094, CVE-2022-1729",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
