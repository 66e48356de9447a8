/// 618_core_dump: raises its own limit for core files as far as it may; dumps nothing.
/// Published: CVE-2021-3864 class.
/// Expected: the core limit is zero.
#include <sys/resource.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  struct rlimit own{};
  ::getrlimit(RLIMIT_CORE, &own);
  return own.rlim_max == 0 ? held("the hard limit is 0") : breached("core files are allowed");
}

}  // namespace

constinit const Probe k618CoreDump = {
    .name = "618_core_dump",
    .group = Group::kResources,
    .attack = "dump memory to the host's core pattern",
    .cve = "CVE-2021-3864 class",
    .refusal = "the core limit is zero",
    .run = run,
    .needs = "a host whose hard limit of core files is above zero",
};

}  // namespace brig::attack::probes
