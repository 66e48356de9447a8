/// 706_supervisor_memory_file: opens the supervisor's memory for writing and writes nothing; reads its map.
/// Published: CVE-2012-0056.
/// Expected: pid 1 is not dumpable.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return worst({cannot_open("/proc/1/mem", O_RDWR), cannot_read("/proc/1/maps", Quote::kHide)});
}

}  // namespace

constinit const Probe k706SupervisorMemoryFile = {
    .name = "706_supervisor_memory_file",
    .group = Group::kEscapes,
    .attack = "write into the supervisor's memory through /proc",
    .cve = "CVE-2012-0056",
    .refusal = "pid 1 is not dumpable",
    .run = run,
    .own_kernel =
        "its own kernel shows an undumpable process to its own user; the agent keeps nothing from the sandbox",
};

}  // namespace brig::attack::probes
