/// 103_other_environments: looks for the canary variable in /proc/N/environ of every process.
/// Expected: the pid namespace shows the sandbox's own processes only.
#include <cctype>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const auto names = names_in("/proc");
  if (!names.has_value()) return held("/proc cannot be listed");
  int seen = 0;
  for (const std::string& name : *names) {
    if (std::isdigit(static_cast<unsigned char>(name[0])) == 0) continue;
    const auto text = read_some("/proc/" + name + "/environ");
    if (!text.has_value()) continue;
    ++seen;
    const std::size_t at = text->find("BRIG_ATTACK_CANARY=");
    if (at != std::string::npos) return breached("pid " + name + ": " + (text->c_str() + at));
  }
  return held(std::to_string(seen) + " environments, none of the host");
}

}  // namespace

constinit const Probe k103OtherEnvironments = {
    .name = "103_other_environments",
    .group = Group::kLeaks,
    .attack = "read the environment of every visible process",
    .cve = "",
    .refusal = "the pid namespace shows the sandbox's own processes only",
    .run = run,
};

}  // namespace brig::attack::probes
