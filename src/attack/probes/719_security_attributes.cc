/// 719_security_attributes: opens its own label for the next program for writing and writes nothing.
/// Published: CVE-2019-16884 (runc, AppArmor).
/// Expected: the attributes cannot be written.
#include <fcntl.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  if (!read_some("/proc/self/attr/current").has_value()) return held("no security label");
  return cannot_open_any({"/proc/self/attr/exec", "/proc/self/attr/current"}, O_WRONLY);
}

}  // namespace

constinit const Probe k719SecurityAttributes = {
    .name = "719_security_attributes",
    .group = Group::kEscapes,
    .attack = "choose one's own security label",
    .cve = "CVE-2019-16884 (runc, AppArmor)",
    .refusal = "the attributes cannot be written",
    .run = run,
    .needs = "a kernel with AppArmor or SELinux",
};

}  // namespace brig::attack::probes
