/// 704_supervisor_root: reads the canary below /proc/1/root and lists what is there.
/// Expected: pid 1 is not dumpable, and has the same root.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  for (const char* link : {"/proc/1/root", "/proc/1/cwd/../../../.."}) {
    const auto text = read_some(link + args.text("canary_dir") + "/secret");
    if (text.has_value()) return breached(std::string(link) + ": " + *text);
  }
  return held("/proc/1/root leads nowhere");
}

}  // namespace

constinit const Probe k704SupervisorRoot = {
    .name = "704_supervisor_root",
    .group = Group::kEscapes,
    .attack = "walk out through /proc/1/root",
    .cve = "",
    .refusal = "pid 1 is not dumpable, and has the same root",
    .run = run,
};

}  // namespace brig::attack::probes
