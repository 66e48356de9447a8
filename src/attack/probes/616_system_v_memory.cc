/// 616_system_v_memory: touches twice the limit in System V segments, and removes them.
/// Expected: the memory limit counts System V segments; the ipc namespace removes them.
#include <sys/ipc.h>
#include <sys/shm.h>

#include <cstring>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kMemoryLimit};
Finding run(const Args& args) {
  const auto enough = static_cast<std::size_t>(args.number("memory", 64 << 20)) * 2;
  constexpr std::size_t kSize = 8 << 20;
  for (std::size_t have = 0; have < enough; have += kSize) {
    const int segment = ::shmget(IPC_PRIVATE, kSize, IPC_CREAT | 0600);
    if (segment < 0) return held(std::to_string(have >> 20) + " MiB, then " + error_name(errno));
    void* place = ::shmat(segment, nullptr, 0);
    ::shmctl(segment, IPC_RMID, nullptr);
    if (place == reinterpret_cast<void*>(-1))
      return held("shmat: " + error_name(errno));  // NOLINT(performance-no-int-to-ptr): shmat's contract
    std::memset(place, 0x5a, kSize);
  }
  return breached("touched twice the limit");
}

}  // namespace

constinit const Probe k616SystemVMemory = {
    .name = "616_system_v_memory",
    .group = Group::kResources,
    .attack = "take memory that no process owns",
    .cve = "",
    .refusal = "the memory limit counts System V segments; the ipc namespace removes them",
    .run = run,
    .held_if_ended_by = kEnds,
    .weakness = "memory:",
};

}  // namespace brig::attack::probes
