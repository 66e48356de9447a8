#include "runtimes/oci/inside.h"

#include <sys/resource.h>

namespace brig::runtimes::oci {
namespace {

/// Limits that nobody may change inside gVisor. They are in its configuration (spec.cc).
bool is_fixed_in_gvisor(std::uint32_t resource) {
  return resource == RLIMIT_MSGQUEUE || resource == RLIMIT_SIGPENDING || resource == RLIMIT_RTPRIO ||
         resource == RLIMIT_NICE;
}

}  // namespace

process::JailPlan compile_inside(const process::LaunchRequest& request, process::HostReport host) {
  if (request.wall != process::Wall::kRunsc) return process::compile_confinement(request, host);
  host.landlock_abi = 0;
  process::JailPlan plan = process::compile_confinement(request, host);
  std::erase_if(plan.steps, [](const process::Step& step) {
    const auto* limit = std::get_if<process::SetLimit>(&step);
    return limit != nullptr && is_fixed_in_gvisor(limit->resource);
  });
  // Nothing outside counts the guest's processes, so this is the limit itself.
  for (process::Step& step : plan.steps) {
    auto* limit = std::get_if<process::SetLimit>(&step);
    if (limit != nullptr && limit->resource == RLIMIT_NPROC) limit->soft = limit->hard = request.pids;
  }
  return plan;
}

}  // namespace brig::runtimes::oci
