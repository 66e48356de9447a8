/// 327_compare_processes: compares its memory with the supervisor's by kcmp.
/// Expected: the filter refuses kcmp, and pid 1 is not dumpable.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  constexpr int kMemory = 1;  // KCMP_VM
  return refused("kcmp", ::syscall(SYS_kcmp, ::getpid(), args.number("supervisor", 1), kMemory, 0, 0));
}

}  // namespace

constinit const Probe k327CompareProcesses = {
    .name = "327_compare_processes",
    .group = Group::kProcess,
    .attack = "learn kernel pointers' order by comparing processes",
    .cve = "",
    .refusal = "the filter refuses kcmp, and pid 1 is not dumpable",
    .run = run,
    .needs = "a kernel with kcmp",
};

}  // namespace brig::attack::probes
