/// 707_core_pattern: opens core_pattern for writing and writes nothing.
/// Published: CVE-2022-0811 (cr8escape) class.
/// Expected: /proc/sys is masked or read-only.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_open("/proc/sys/kernel/core_pattern", O_WRONLY); }

}  // namespace

constinit const Probe k707CorePattern = {
    .name = "707_core_pattern",
    .group = Group::kEscapes,
    .attack = "have the kernel start a program as root on the next crash",
    .cve = "CVE-2022-0811 (cr8escape) class",
    .refusal = "/proc/sys is masked or read-only",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
