/// 108_proc_keys: reads /proc/keys and /proc/key-users.
/// Expected: /proc/keys is masked.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return worst({cannot_read("/proc/keys", Quote::kHide), cannot_read("/proc/key-users", Quote::kHide)});
}

}  // namespace

constinit const Probe k108ProcKeys = {
    .name = "108_proc_keys",
    .group = Group::kLeaks,
    .attack = "list the kernel's keys",
    .cve = "",
    .refusal = "/proc/keys is masked",
    .run = run,
};

}  // namespace brig::attack::probes
