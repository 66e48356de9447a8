/// 326_x32_calls: asks for its pid with the x32 bit in the number, in a child.
/// Published: CVE-2014-0038.
/// Expected: the filter ends a process that uses a foreign architecture.
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

#ifdef __x86_64__
Finding attempt(const Args&) {
  const long result = ::syscall(0x40000000L + 39);
  if (result == ::getpid()) return breached("x32 works");
  return held("x32: " + error_name(errno));
}
Finding run(const Args& args) { return in_child(attempt, args); }
#else
Finding run(const Args&) { return not_applicable("only x86-64 has it"); }
#endif

}  // namespace

constinit const Probe k326X32Calls = {
    .name = "326_x32_calls",
    .group = Group::kProcess,
    .attack = "make system calls by the x32 door",
    .cve = "CVE-2014-0038",
    .refusal = "the filter ends a process that uses a foreign architecture",
    .run = run,
    .needs = "a kernel with the x32 ABI",
};

}  // namespace brig::attack::probes
