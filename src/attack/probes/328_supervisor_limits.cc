/// 328_supervisor_limits: asks for the supervisor's limits and sets them to what they are.
/// Expected: pid 1 is not dumpable.
#include <sys/resource.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  const auto pid = static_cast<pid_t>(args.number("supervisor", 1));
  struct rlimit limit{};
  if (::prlimit(pid, RLIMIT_CORE, nullptr, &limit) != 0) return held("prlimit: " + error_name(errno));
  return refused("prlimit", ::prlimit(pid, RLIMIT_CORE, &limit, nullptr));
}

}  // namespace

constinit const Probe k328SupervisorLimits = {
    .name = "328_supervisor_limits",
    .group = Group::kProcess,
    .attack = "change the supervisor's resource limits",
    .cve = "",
    .refusal = "pid 1 is not dumpable",
    .run = run,
};

}  // namespace brig::attack::probes
