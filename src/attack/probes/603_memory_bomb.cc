/// 603_memory_bomb: touches twice the limit, page by page.
/// Expected: the memory limit, without swap.
#include <sys/mman.h>

#include <cstring>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kMemoryLimit};
Finding run(const Args& args) {
  const auto limit = static_cast<std::size_t>(args.number("memory", 64 << 20));
  constexpr std::size_t kStep = 1 << 20;
  for (std::size_t have = 0; have < 2 * limit; have += kStep) {
    void* piece = ::mmap(nullptr, kStep, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) return held(std::to_string(have >> 20) + " MiB, then " + error_name(errno));
    std::memset(piece, 0x5a, kStep);
  }
  return breached("touched twice the limit");
}

}  // namespace

constinit const Probe k603MemoryBomb = {
    .name = "603_memory_bomb",
    .group = Group::kResources,
    .attack = "take memory without end",
    .cve = "",
    .refusal = "the memory limit, without swap",
    .run = run,
    .held_if_ended_by = kEnds,
    .weakness = "memory:",
};

}  // namespace brig::attack::probes
