/// 312_ptrace_host: seizes the canary process outside by its number.
/// Published: CVE-2019-13272.
/// Expected: the pid namespace: there is no such process; the filter.
#include <sys/ptrace.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args& args) {
  return refused("ptrace", ::ptrace(PTRACE_SEIZE, static_cast<pid_t>(args.number("canary", 0)), nullptr, nullptr),
                 {ESRCH});
}
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k312PtraceHost = {
    .name = "312_ptrace_host",
    .group = Group::kProcess,
    .attack = "take over a process of the host with ptrace",
    .cve = "CVE-2019-13272",
    .refusal = "the pid namespace: there is no such process; the filter",
    .run = run,
};

}  // namespace brig::attack::probes
