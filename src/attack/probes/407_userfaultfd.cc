/// 407_userfaultfd: opens a userfaultfd for user-mode faults and closes it.
/// Published: exploits use it to win races.
/// Expected: the filter.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  constexpr int kUserModeOnly = 1;
  return refused("userfaultfd", ::syscall(SYS_userfaultfd, kUserModeOnly));
}

}  // namespace

constinit const Probe k407Userfaultfd = {
    .name = "407_userfaultfd",
    .group = Group::kKernel,
    .attack = "hold the kernel still in a page fault",
    .cve = "exploits use it to win races",
    .refusal = "the filter",
    .run = run,
    .needs = "a kernel with userfaultfd",
};

}  // namespace brig::attack::probes
