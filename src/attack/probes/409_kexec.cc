/// 409_kexec: calls kexec_load and kexec_file_load with flags that do not exist.
/// Expected: the filter, and no CAP_SYS_BOOT.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return worst({refused("kexec_load", ::syscall(SYS_kexec_load, 0UL, 0UL, nullptr, 0xdeadUL)),
                refused("kexec_file_load", ::syscall(SYS_kexec_file_load, -1, -1, 0UL, nullptr, 0xdead0000UL))});
}

}  // namespace

constinit const Probe k409Kexec = {
    .name = "409_kexec",
    .group = Group::kKernel,
    .attack = "replace the running kernel",
    .cve = "",
    .refusal = "the filter, and no CAP_SYS_BOOT",
    .run = run,
    .needs_root = true,
    .needs = "a kernel with kexec",
};

}  // namespace brig::attack::probes
