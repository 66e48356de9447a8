/// 507_other_devices: lists /dev for devices other than null, zero, full, random, urandom, tty, ptmx and what lies in
/// pts. Expected: the sandbox has a /dev of its own.
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  constexpr std::array<std::string_view, 7> kHarmless{"null", "zero", "full", "random", "urandom", "tty", "ptmx"};
  for (const std::string& name : names_in("/dev").value_or(std::vector<std::string>{})) {
    struct stat info{};
    if (::lstat(("/dev/" + name).c_str(), &info) != 0) continue;
    const bool is_device = S_ISBLK(info.st_mode) || S_ISCHR(info.st_mode);
    if (is_device && std::ranges::find(kHarmless, name) == kHarmless.end()) return breached("there is /dev/" + name);
  }
  return held("only the harmless ones");
}

}  // namespace

constinit const Probe k507OtherDevices = {
    .name = "507_other_devices",
    .group = Group::kDevices,
    .attack = "find a device beyond the harmless ones",
    .cve = "",
    .refusal = "the sandbox has a /dev of its own",
    .run = run,
    .own_kernel = "the devices are its own kernel's",
};

}  // namespace brig::attack::probes
