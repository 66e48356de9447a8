/// 115_physical_memory_map: reads /proc/iomem, /proc/ioports, /proc/vmallocinfo, /proc/pagetypeinfo, /proc/kpageflags.
/// Expected: /proc/iomem and its like are masked.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return worst({cannot_read("/proc/iomem", Quote::kHide), cannot_read("/proc/ioports", Quote::kHide),
                cannot_read("/proc/vmallocinfo", Quote::kHide), cannot_read("/proc/kpageflags", Quote::kHide)});
}

}  // namespace

constinit const Probe k115PhysicalMemoryMap = {
    .name = "115_physical_memory_map",
    .group = Group::kLeaks,
    .attack = "learn the physical memory map",
    .cve = "",
    .refusal = "/proc/iomem and its like are masked",
    .run = run,
    .needs = "a kernel with /proc/iomem",
};

}  // namespace brig::attack::probes
