/// 119_page_map: reads the entry of one of its own pages and looks for a frame number.
/// Published: the rowhammer exploits of 2015 used it.
/// Expected: frame numbers are shown to CAP_SYS_ADMIN only.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const Fd fd(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return held("/proc/self/pagemap: " + error_name(errno));
  const std::uint64_t here = 1;
  std::uint64_t entry = 0;
  const auto offset = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(&here) / 4096 * 8);
  if (::pread(fd.get(), &entry, sizeof entry, offset) != sizeof entry) return held("no entry");
  return (entry & ((1ULL << 55) - 1)) != 0 ? breached("shows the frame number") : held("the frame number is hidden");
}

}  // namespace

constinit const Probe k119PageMap = {
    .name = "119_page_map",
    .group = Group::kLeaks,
    .attack = "learn physical addresses through /proc/self/pagemap",
    .cve = "the rowhammer exploits of 2015 used it",
    .refusal = "frame numbers are shown to CAP_SYS_ADMIN only",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
