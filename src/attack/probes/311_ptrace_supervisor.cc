/// 311_ptrace_supervisor: seizes the supervisor without stopping it, in a child whose end lets go of it.
/// Expected: the filter, and pid 1 is not dumpable.
#include <sys/ptrace.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args& args) {
  return refused("ptrace", ::ptrace(PTRACE_SEIZE, static_cast<pid_t>(args.number("supervisor", 1)), nullptr, nullptr));
}
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k311PtraceSupervisor = {
    .name = "311_ptrace_supervisor",
    .group = Group::kProcess,
    .attack = "take over the sandbox's supervisor with ptrace",
    .cve = "",
    .refusal = "the filter, and pid 1 is not dumpable",
    .run = run,
};

}  // namespace brig::attack::probes
