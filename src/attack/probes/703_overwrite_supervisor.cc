/// 703_overwrite_supervisor: opens the supervisor's program for writing, directly and by way of a descriptor, and
/// writes nothing. Published: CVE-2019-5736 (runc). Expected: it is a sealed copy in memory, and pid 1 is not dumpable.
#include <fcntl.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const std::string exe = "/proc/1/exe";
  const Finding direct = cannot_open(exe, O_WRONLY);
  const Fd fd(::open(exe.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return direct;
  return worst({direct, cannot_open("/proc/self/fd/" + std::to_string(fd.get()), O_WRONLY)});
}

}  // namespace

constinit const Probe k703OverwriteSupervisor = {
    .name = "703_overwrite_supervisor",
    .group = Group::kEscapes,
    .attack = "overwrite the program that supervises the sandbox",
    .cve = "CVE-2019-5736 (runc)",
    .refusal = "it is a sealed copy in memory, and pid 1 is not dumpable",
    .run = run,
};

}  // namespace brig::attack::probes
