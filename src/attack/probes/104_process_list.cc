/// 104_process_list: looks in /proc for the canary process outside by its name.
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
    ++seen;
    if (read_some("/proc/" + name + "/comm").value_or("").starts_with("brig-canary"))
      return breached("the canary is pid " + name);
  }
  return held(std::to_string(seen) + " processes, all of the sandbox");
}

}  // namespace

constinit const Probe k104ProcessList = {
    .name = "104_process_list",
    .group = Group::kLeaks,
    .attack = "list the host's processes",
    .cve = "",
    .refusal = "the pid namespace shows the sandbox's own processes only",
    .run = run,
};

}  // namespace brig::attack::probes
