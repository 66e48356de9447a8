/// 613_populated_mapping: maps twice the limit with MAP_POPULATE, in one call.
/// Expected: the memory limit, without swap.
#include <sys/mman.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kMemoryLimit};
Finding run(const Args& args) {
  const auto size = static_cast<std::size_t>(args.number("memory", 64 << 20)) * 2;
  void* piece = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (piece == MAP_FAILED) return held("mmap: " + error_name(errno));
  // MAP_POPULATE hides failures: what is really there says mincore.
  std::vector<unsigned char> pages(size / 4096);
  ::mincore(piece, size, pages.data());
  std::size_t present = 0;
  for (unsigned char page : pages) present += page & 1U;
  const std::string text = std::to_string(present * 4096 >> 20) + " MiB are there";
  return present * 4096 > size / 4 * 3 ? breached(text) : held(text);
}

}  // namespace

constinit const Probe k613PopulatedMapping = {
    .name = "613_populated_mapping",
    .group = Group::kResources,
    .attack = "take memory in one populated mapping",
    .cve = "",
    .refusal = "the memory limit, without swap",
    .run = run,
    .held_if_ended_by = kEnds,
    .weakness = "memory:",
};

}  // namespace brig::attack::probes
