/// 617_memory_file: writes twice the memory limit into memory files. That memory files exist, and may be executed, is
/// no breach. Expected: the memory limit counts memfd pages; the file-size limit.
#include <sys/mman.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kMemoryLimit, runtime::Cause::kDiskLimit};
Finding run(const Args& args) {
  const long enough = args.number("memory", 64 << 20) * 2;
  const std::string block(1 << 20, 'x');
  long have = 0;
  while (have < enough) {
    const int fd = ::memfd_create("probe", MFD_CLOEXEC);
    if (fd < 0) break;
    long own = 0;
    for (ssize_t n = 0; own < (8 << 20) && (n = ::write(fd, block.data(), block.size())) > 0;) own += n;
    if (own == 0) break;
    have += own;
  }
  const std::string text = std::to_string(have >> 20) + " MiB in memory files";
  return have >= enough ? breached(text) : held(text + ", then " + error_name(errno));
}

}  // namespace

constinit const Probe k617MemoryFile = {
    .name = "617_memory_file",
    .group = Group::kResources,
    .attack = "take memory in files without a name",
    .cve = "",
    .refusal = "the memory limit counts memfd pages; the file-size limit",
    .run = run,
    .held_if_ended_by = kEnds,
    .weakness = "memory:",
};

}  // namespace brig::attack::probes
