/// 102_init_environment: looks for the canary variable in /proc/1/environ.
/// Expected: pid 1 is not dumpable, and its environment is empty of the host's.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const auto text = read_some("/proc/1/environ");
  if (!text.has_value()) return held("/proc/1/environ cannot be read");
  const std::size_t at = text->find("BRIG_ATTACK_CANARY=");
  return at != std::string::npos ? breached(text->c_str() + at) : held("it holds nothing of the host");
}

}  // namespace

constinit const Probe k102InitEnvironment = {
    .name = "102_init_environment",
    .group = Group::kLeaks,
    .attack = "read the supervisor's environment",
    .cve = "",
    .refusal = "pid 1 is not dumpable, and its environment is empty of the host's",
    .run = run,
};

}  // namespace brig::attack::probes
