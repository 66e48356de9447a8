/// 110_sysctl: opens settings below /proc/sys for writing and writes nothing.
/// Expected: /proc/sys is masked or read-only.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any(
      {"/proc/sys/kernel/panic", "/proc/sys/vm/drop_caches", "/proc/sys/vm/overcommit_memory",
       "/proc/sys/kernel/randomize_va_space", "/proc/sys/fs/protected_symlinks", "/proc/sys/vm/panic_on_oom"},
      O_WRONLY);
}

}  // namespace

constinit const Probe k110Sysctl = {
    .name = "110_sysctl",
    .group = Group::kLeaks,
    .attack = "change the host's kernel settings",
    .cve = "",
    .refusal = "/proc/sys is masked or read-only",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
