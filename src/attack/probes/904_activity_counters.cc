/// 904_activity_counters: reads the kernel's counters of interrupts, timers and processor time of all processes.
/// Published: keystroke timing by /proc/interrupts.
/// Expected: /proc/interrupts and its like are masked.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  std::vector<Finding> findings;
  for (const char* path : {"/proc/interrupts", "/proc/softirqs", "/proc/timer_list", "/proc/sched_debug",
                           "/proc/schedstat", "/proc/vmstat", "/proc/zoneinfo", "/proc/pressure/cpu"}) {
    findings.push_back(cannot_read(path, Quote::kHide));
  }
  // A /proc/stat that only says how many processors there are gives nothing away.
  const std::string stat = read_some("/proc/stat").value_or("");
  const std::string total = stat.substr(0, stat.find('\n'));
  const bool is_counting = total.find_first_of("123456789") != std::string::npos;
  findings.push_back(is_counting ? breached("/proc/stat: " + total) : held("/proc/stat counts nothing"));
  return worst(findings);
}

}  // namespace

constinit const Probe k904ActivityCounters = {
    .name = "904_activity_counters",
    .group = Group::kTiming,
    .attack = "watch the host's activity (keystrokes, interrupts, other sandboxes)",
    .cve = "keystroke timing by /proc/interrupts",
    .refusal = "/proc/interrupts and its like are masked",
    .run = run,
};

}  // namespace brig::attack::probes
