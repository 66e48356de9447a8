/// 322_filter_is_on: asks for the mode of the system-call filter.
/// Expected: a filter is installed.
#include <sys/prctl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const int mode = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
  return mode == 2 ? held("mode 2") : breached("mode " + std::to_string(mode));
}

}  // namespace

constinit const Probe k322FilterIsOn = {
    .name = "322_filter_is_on",
    .group = Group::kProcess,
    .attack = "find the system-call filter missing",
    .cve = "",
    .refusal = "a filter is installed",
    .run = run,
};

}  // namespace brig::attack::probes
