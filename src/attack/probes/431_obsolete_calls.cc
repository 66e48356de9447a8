/// 431_obsolete_calls: calls ustat, sysfs, uselib and _sysctl with harmless arguments.
/// Expected: the filter.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
#if defined(SYS_ustat)
  char buffer[64];
  return worst({refused("sysfs", ::syscall(SYS_sysfs, 3)), refused("ustat", ::syscall(SYS_ustat, 0, buffer)),
                refused("uselib", ::syscall(SYS_uselib, "/nonexistent")),
                refused("_sysctl", ::syscall(SYS__sysctl, nullptr))});
#else
  return not_applicable("this architecture has none");
#endif
}

}  // namespace

constinit const Probe k431ObsoleteCalls = {
    .name = "431_obsolete_calls",
    .group = Group::kKernel,
    .attack = "reach obsolete system calls",
    .cve = "",
    .refusal = "the filter",
    .run = run,
    .needs = "a kernel with one of them",
};

}  // namespace brig::attack::probes
