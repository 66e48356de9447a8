/// 019_dotdot: reads the canary by every depth of ../ from the working folder.
/// Published: CVE-2024-21626 class: relative paths.
/// Expected: the root folder has no parent inside.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  std::string up;
  for (int depth = 0; depth < 24; ++depth) {
    up += "../";
    const auto text = read_some(up + args.text("canary_dir").substr(1) + "/secret");
    if (text.has_value()) return breached("at depth " + std::to_string(depth + 1) + ": " + *text);
  }
  return held("24 levels of ../ do not reach it");
}

}  // namespace

constinit const Probe k019Dotdot = {
    .name = "019_dotdot",
    .group = Group::kFiles,
    .attack = "walk out of the working folder with ../..",
    .cve = "CVE-2024-21626 class: relative paths",
    .refusal = "the root folder has no parent inside",
    .run = run,
};

}  // namespace brig::attack::probes
