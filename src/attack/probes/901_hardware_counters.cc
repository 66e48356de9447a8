/// 901_hardware_counters: asks for a count of the processor's cycles.
/// Published: cache attacks use such timers.
/// Expected: the filter refuses perf_event_open.
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  perf_event_attr request{};
  request.type = PERF_TYPE_HARDWARE;
  request.size = sizeof request;
  request.config = PERF_COUNT_HW_CPU_CYCLES;
  request.exclude_kernel = 1;
  return refused("perf_event_open(cycles)", ::syscall(SYS_perf_event_open, &request, 0, -1, -1, 0UL));
}

}  // namespace

constinit const Probe k901HardwareCounters = {
    .name = "901_hardware_counters",
    .group = Group::kTiming,
    .attack = "time other programs with the processor's counters",
    .cve = "cache attacks use such timers",
    .refusal = "the filter refuses perf_event_open",
    .run = run,
};

}  // namespace brig::attack::probes
