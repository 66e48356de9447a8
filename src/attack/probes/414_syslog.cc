/// 414_syslog: asks for the size of the log.
/// Expected: the filter, and dmesg_restrict.
#include <sys/klog.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  constexpr int kSize = 10;  // SYSLOG_ACTION_SIZE_BUFFER
  constexpr int kReadAll = 3;
  char buffer[16];
  const Finding all = refused("syslog(READ_ALL)", ::klogctl(kReadAll, buffer, sizeof buffer));
  return worst({all, refused("syslog(SIZE_BUFFER)", ::klogctl(kSize, nullptr, 0))});
}

}  // namespace

constinit const Probe k414Syslog = {
    .name = "414_syslog",
    .group = Group::kKernel,
    .attack = "read the kernel's log by system call",
    .cve = "",
    .refusal = "the filter, and dmesg_restrict",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
