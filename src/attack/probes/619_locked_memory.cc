/// 619_locked_memory: locks as much as the memory limit.
/// Expected: the limit of locked memory and the memory limit.
#include <sys/mman.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kMemoryLimit};
Finding run(const Args& args) {
  const auto size = static_cast<std::size_t>(args.number("memory", 64 << 20));
  void* piece = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (piece == MAP_FAILED) return held("mmap: " + error_name(errno));
  return ::mlock(piece, size) == 0 ? breached("locked it all") : held("mlock: " + error_name(errno));
}

}  // namespace

constinit const Probe k619LockedMemory = {
    .name = "619_locked_memory",
    .group = Group::kResources,
    .attack = "lock memory so that the host cannot reclaim it",
    .cve = "",
    .refusal = "the limit of locked memory and the memory limit",
    .run = run,
    .needs_root = true,
    .needs = "a caller that may lock memory",
    .held_if_ended_by = kEnds,
    .weakness = "memory:",
};

}  // namespace brig::attack::probes
