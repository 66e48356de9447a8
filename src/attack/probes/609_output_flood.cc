/// 609_output_flood: prints twice what the policy lets a run print in all.
/// Expected: the run ends at output_total, and the host keeps only head and tail.
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kOutputLimit};
Finding run(const Args& args) {
  const long enough = args.number("output", 8 << 20) * 2;
  std::string block(64 << 10, 'x');
  for (std::size_t at = 99; at < block.size(); at += 100) block[at] = '\n';
  for (long have = 0; have < enough;) {
    const ssize_t n = ::write(STDOUT_FILENO, block.data(), block.size());
    if (n <= 0) return held("refused after " + std::to_string(have));
    have += n;
  }
  return breached("printed " + std::to_string(enough >> 20) + " MiB");
}

}  // namespace

constinit const Probe k609OutputFlood = {
    .name = "609_output_flood",
    .group = Group::kResources,
    .attack = "print without end",
    .cve = "",
    .refusal = "the run ends at output_total, and the host keeps only head and tail",
    .run = run,
    .held_if_ended_by = kEnds,
};

}  // namespace brig::attack::probes
