/// 330_ptrace_own_child: lets a child ask to be traced.
/// Published: CVE-2019-13272, CVE-2022-30594: seccomp and ptrace.
/// Expected: the filter refuses ptrace.
#include <sys/ptrace.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args&) { return refused("ptrace(TRACEME)", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k330PtraceOwnChild = {
    .name = "330_ptrace_own_child",
    .group = Group::kProcess,
    .attack = "use ptrace at all",
    .cve = "CVE-2019-13272, CVE-2022-30594: seccomp and ptrace",
    .refusal = "the filter refuses ptrace",
    .run = run,
};

}  // namespace brig::attack::probes
