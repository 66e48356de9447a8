/// 325_thirty_two_bit_calls: asks for its pid through int 0x80, in a child: the numbers there mean other calls than the
/// filter's.
/// Published: CVE-2009-0835 class: filters that forget the architecture.
/// Expected: the filter ends a process that uses a foreign architecture.
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

#ifdef __x86_64__
Finding attempt(const Args&) {
  long result = 20;  // getpid in the 32-bit table
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  if (static_cast<int>(result) == ::getpid()) return breached("int 0x80 works");
  return held("int 0x80: " + error_name(static_cast<int>(-result)));
}
Finding run(const Args& args) { return in_child(attempt, args); }
#else
Finding run(const Args&) { return not_applicable("only x86-64 has it"); }
#endif

}  // namespace

constinit const Probe k325ThirtyTwoBitCalls = {
    .name = "325_thirty_two_bit_calls",
    .group = Group::kProcess,
    .attack = "make system calls by the 32-bit door (int 0x80)",
    .cve = "CVE-2009-0835 class: filters that forget the architecture",
    .refusal = "the filter ends a process that uses a foreign architecture",
    .run = run,
    .needs = "a kernel with 32-bit emulation",
};

}  // namespace brig::attack::probes
