/// 705_supervisor_descriptors: lists the supervisor's descriptors.
/// Expected: pid 1 is not dumpable.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const auto names = names_in("/proc/1/fd");
  if (!names.has_value() || names->empty()) return held("/proc/1/fd cannot be listed");
  return breached("/proc/1/fd shows " + std::to_string(names->size()));
}

}  // namespace

constinit const Probe k705SupervisorDescriptors = {
    .name = "705_supervisor_descriptors",
    .group = Group::kEscapes,
    .attack = "take over the supervisor's channel to the host",
    .cve = "",
    .refusal = "pid 1 is not dumpable",
    .run = run,
    .own_kernel =
        "its own kernel shows an undumpable process to its own user; the agent keeps nothing from the sandbox",
};

}  // namespace brig::attack::probes
