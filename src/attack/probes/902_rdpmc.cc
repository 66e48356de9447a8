/// 902_rdpmc: executes rdpmc in a child: without permission it ends by SIGSEGV.
/// Expected: the kernel gives user mode no access without an event.
#include <sys/wait.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

#ifdef __x86_64__
Finding run(const Args&) {
  const pid_t child = ::fork();
  if (child == 0) {
    unsigned low = 0, high = 0;
    asm volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(0));
    ::_exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return breached("no answer");
  return WIFEXITED(status) ? breached("rdpmc works") : held("rdpmc: signal " + std::to_string(WTERMSIG(status)));
}
#else
Finding run(const Args&) { return not_applicable("only x86-64 has it"); }
#endif

}  // namespace

constinit const Probe k902Rdpmc = {
    .name = "902_rdpmc",
    .group = Group::kTiming,
    .attack = "read the processor's counters without a system call",
    .cve = "",
    .refusal = "the kernel gives user mode no access without an event",
    .run = run,
    .needs = "a host that lets everybody read counters (rdpmc=2)",
};

}  // namespace brig::attack::probes
