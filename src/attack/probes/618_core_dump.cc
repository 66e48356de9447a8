/// 618_core_dump: changes its own limit for core files as far as it may; dumps nothing.
/// Published: CVE-2021-3864 class.
/// Expected: the core limit is 1 and stays: too small for a file, and the one value at which a core_pattern that is a
/// program is not started on the host (fs/coredump.c). With a core_pattern that is a file 0 does as well.
#include <sys/resource.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  struct rlimit own{};
  ::getrlimit(RLIMIT_CORE, &own);
  if (own.rlim_max > 1) return breached("core files are allowed");
  const std::string pattern = read_some("/proc/sys/kernel/core_pattern").value_or(std::string());
  const bool is_file = !pattern.empty() && pattern.front() != '|' && pattern.front() != '@';
  const struct rlimit none{};
  if (own.rlim_max == 1 && ::setrlimit(RLIMIT_CORE, &none) < 0) return held("the limit is 1 and stays");
  return is_file ? held("the limit is 0, and the host writes files") : breached("a crash starts a program on the host");
}

}  // namespace

constinit const Probe k618CoreDump = {
    .name = "618_core_dump",
    .group = Group::kResources,
    .attack = "dump memory to the host's core pattern",
    .cve = "CVE-2021-3864 class",
    .refusal = "the core limit keeps files and the host's crash handler away",
    .run = run,
    .needs = "a host whose hard limit of core files is above zero",
};

}  // namespace brig::attack::probes
