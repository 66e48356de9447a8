/// 604_memory_by_many: four children touch three quarters of the limit each and wait for each other.
/// Expected: the memory limit counts all processes together.
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kMemoryLimit};
constexpr int kChildren = 4;
Finding run(const Args& args) {
  const auto part = static_cast<std::size_t>(args.number("memory", 64 << 20)) / 4 * 3;
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return held("no pipe");
  std::vector<pid_t> children;
  for (int index = 0; index < kChildren; ++index) {
    const pid_t child = ::fork();
    if (child == 0) {
      void* piece = ::mmap(nullptr, part, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (piece == MAP_FAILED) ::_exit(1);
      std::memset(piece, 0x5a, part);
      (void)!::write(ends[1], "x", 1);
      for (;;) ::pause();
    }
    if (child > 0) children.push_back(child);
  }
  ::close(ends[1]);
  int ready = 0;
  char byte = 0;
  pollfd waiting{ends[0], POLLIN, 0};
  while (ready < kChildren && ::poll(&waiting, 1, 2000) > 0 && ::read(ends[0], &byte, 1) == 1) ++ready;
  for (pid_t child : children) ::kill(child, SIGKILL);
  for (pid_t child : children) ::waitpid(child, nullptr, 0);
  const std::string text =
      std::to_string(ready) + " of " + std::to_string(kChildren) + " have three quarters of the limit each";
  return ready == kChildren ? breached(text) : held(text);
}

}  // namespace

constinit const Probe k604MemoryByMany = {
    .name = "604_memory_by_many",
    .group = Group::kResources,
    .attack = "take memory with many processes, each below the limit",
    .cve = "",
    .refusal = "the memory limit counts all processes together",
    .run = run,
    .held_if_ended_by = kEnds,
    .weakness = "memory:",
};

}  // namespace brig::attack::probes
