/// 117_disks: reads the lists of disks and their activity.
/// Expected: /proc/partitions and its like are masked.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return worst({cannot_read("/proc/partitions", Quote::kHide), cannot_read("/proc/diskstats", Quote::kHide),
                cannot_read("/proc/swaps", Quote::kHide)});
}

}  // namespace

constinit const Probe k117Disks = {
    .name = "117_disks",
    .group = Group::kLeaks,
    .attack = "list the host's disks",
    .cve = "",
    .refusal = "/proc/partitions and its like are masked",
    .run = run,
};

}  // namespace brig::attack::probes
