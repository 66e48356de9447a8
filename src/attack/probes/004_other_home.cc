/// 004_other_home: lists /home for anybody but the sandbox's own user.
/// Expected: /home holds the sandbox's user alone.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const auto names = names_in("/home");
  if (!names.has_value()) return held("/home cannot be listed");
  for (const std::string& name : *names) {
    if (name != "user") return breached("/home shows " + name);
  }
  return held("/home holds only the sandbox's user");
}

}  // namespace

constinit const Probe k004OtherHome = {
    .name = "004_other_home",
    .group = Group::kFiles,
    .attack = "find other users' home folders",
    .cve = "",
    .refusal = "/home holds the sandbox's user alone",
    .run = run,
};

}  // namespace brig::attack::probes
