/// 702_working_folder: looks where it was started, and for the canary above it by way of /proc/self/cwd.
/// Published: CVE-2024-21626 (runc).
/// Expected: the working folder is opened inside, after the pivot.
#include <unistd.h>

#include <array>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  std::array<char, 4096> path{};
  if (::getcwd(path.data(), path.size()) == nullptr)
    return breached("the working folder has no name: " + error_name(errno));
  const std::string own = path.data();
  if (own.starts_with("(unreachable)")) return breached("outside: " + own);
  std::string up = "/proc/self/cwd/";
  for (int depth = 0; depth < 16; ++depth) {
    up += "../";
    const auto text = read_some(up + args.text("canary_dir").substr(1) + "/secret");
    if (text.has_value()) return breached("above " + own + ": " + *text);
  }
  return held("inside: " + own);
}

}  // namespace

constinit const Probe k702WorkingFolder = {
    .name = "702_working_folder",
    .group = Group::kEscapes,
    .attack = "stand in a folder outside from the start",
    .cve = "CVE-2024-21626 (runc)",
    .refusal = "the working folder is opened inside, after the pivot",
    .run = run,
};

}  // namespace brig::attack::probes
