/// 610_spin: spins for three times the time limit, with every signal it may ignore ignored.
/// Expected: the wall-clock limit of the run.
#include <csignal>
#include <ctime>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kTimeout, runtime::Cause::kCpuLimit};
Finding run(const Args& args) {
  for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_IGN);
  timespec start{}, now{};
  ::clock_gettime(CLOCK_MONOTONIC, &start);
  const long enough = args.number("timeout_ms", 1000) * 3;
  do ::clock_gettime(CLOCK_MONOTONIC, &now);
  while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1'000'000 < enough);
  return breached("ran for three times its limit");
}

}  // namespace

constinit const Probe k610Spin = {
    .name = "610_spin",
    .group = Group::kResources,
    .attack = "use the processor longer than permitted",
    .cve = "",
    .refusal = "the wall-clock limit of the run",
    .run = run,
    .timeout = Milliseconds(1000),
    .held_if_ended_by = kEnds,
};

}  // namespace brig::attack::probes
