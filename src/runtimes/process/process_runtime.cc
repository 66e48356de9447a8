#include "runtimes/process/process_runtime.h"

#include <utility>

#include "runtimes/process/compile.h"
#include "runtimes/process/probe.h"

namespace brig::runtimes::process {
namespace {

Result<> is_possible(const HostReport& host) {
  if (host.has_user_namespaces) return {};
  return Error(Code::kUnsupported, "the process wall needs user namespaces: " + host.why_no_user_namespaces);
}

}  // namespace

std::unique_ptr<runtime::Runtime> make_process_runtime(ProcessRuntimeOptions options) {
  return make_launched_runtime(std::move(options), {.name = "process",
                                                    .wall = Wall::kProcess,
                                                    .boundary = policy::Boundary::kSharedKernel,
                                                    .makers = process_maker,
                                                    .probe = probe_host,
                                                    .is_possible = is_possible,
                                                    .weaknesses = weaknesses_of});
}

}  // namespace brig::runtimes::process
