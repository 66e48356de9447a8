#include "policy/scratch.h"

#include <algorithm>

namespace brig::policy {
namespace {

/// What the agent and the kernel's own records of a sandbox need.
constexpr std::uint64_t kLeastReserve = std::uint64_t{2} << 20;
/// What the kernel keeps of one file or folder of a tmpfs.
constexpr std::uint64_t kOfOneFile = 1024;

}  // namespace

Bytes scratch_room(Bytes memory, std::uint32_t inodes) {
  const std::uint64_t reserve = std::max(memory.count / 8, kLeastReserve) + inodes * kOfOneFile;
  return {std::max(memory.count - std::min(memory.count, reserve), memory.count / 4)};
}

void fit_unasked_disk(Limits& limits) {
  if (limits.disk != Limits().disk) return;
  constexpr std::uint64_t kWhole = std::uint64_t{1} << 20;
  const std::uint64_t room = scratch_room(limits.memory, limits.inodes).count;
  limits.disk = std::min(limits.disk, Bytes{room < kWhole ? room : room / kWhole * kWhole});
}

}  // namespace brig::policy
