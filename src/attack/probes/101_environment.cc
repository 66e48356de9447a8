/// 101_environment: looks for the caller's canary variable in its own environment, and names what else is there.
/// Expected: the sandbox has a small environment of its own.
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  std::string names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("BRIG_ATTACK_CANARY=")) return breached(std::string(text));
    names += std::string(text.substr(0, text.find('='))) + " ";
  }
  return held("only " + names);
}

}  // namespace

constinit const Probe k101Environment = {
    .name = "101_environment",
    .group = Group::kLeaks,
    .attack = "read the caller's environment",
    .cve = "",
    .refusal = "the sandbox has a small environment of its own",
    .run = run,
};

}  // namespace brig::attack::probes
