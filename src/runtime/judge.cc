#include "runtime/judge.h"

#include <algorithm>
#include <csignal>

namespace brig::runtime {
namespace {

struct Ending {
  Cause cause;
  int value = 0;
};

/// Whether the kernel's processor limit can have sent `signal`. It counts towards the limit in ticks, and what it
/// reports it measures exactly: where other machines take time from this one, a limit seems to come early by a tenth,
/// and by more under load. Anybody may send either signal; of SIGKILL, which has other reasons, less is believed.
bool may_be_cpu_limit(int signal, Milliseconds used, Milliseconds limit) {
  return used >= (signal == SIGXCPU ? limit / 4 : limit * 3 / 4);
}

/// The program's own end, as the agent tells it, against the figures that the host measured.
Ending ending_of(const GuestWord& word, const CellReport& cell, const policy::Limits& limits) {
  const bool is_killed = word.is_signalled ? word.value == SIGKILL : word.value == 128 + SIGKILL;  // a shell says 137
  if (is_killed && cell.memory_kills > 0) return {Cause::kMemoryLimit, SIGKILL};
  if (!word.is_signalled) return {Cause::kExited, word.value};
  switch (word.value) {
    case SIGXFSZ: return {Cause::kDiskLimit, word.value};
    case SIGSYS: return {Cause::kPolicyKill, word.value};
    case SIGXCPU:
    case SIGKILL:
      // The hard limit, a second later, kills; whoever ignores SIGXCPU meets it.
      if (limits.cpu_time && may_be_cpu_limit(word.value, std::max(word.cpu, cell.usage.cpu), *limits.cpu_time))
        return {Cause::kCpuLimit, word.value};
      return {Cause::kSignalled, word.value};
    default: return {Cause::kSignalled, word.value};
  }
}

Ending ending_of(const Observed& seen, const policy::Limits& limits) {
  switch (seen.act) {
    case HostAct::kTimeout: return {Cause::kTimeout};
    case HostAct::kOutputTotal: return {Cause::kOutputLimit};
    case HostAct::kNoProcessLeft: return {Cause::kPidsLimit};
    case HostAct::kProtocolBroken: return {Cause::kPolicyKill};
    case HostAct::kNone:
    case HostAct::kChannelLost: break;
  }
  if (seen.word) return ending_of(*seen.word, seen.cell, limits);
  // The agent is gone and nobody of ours ended it: the kernel did.
  if (seen.cell.has_expired) return {Cause::kTimeout};
  if (seen.cell.memory_kills > 0) return {Cause::kMemoryLimit, SIGKILL};
  return {Cause::kSignalled, SIGKILL};
}

}  // namespace

Verdict judge(const Observed& seen, const policy::Limits& limits) {
  const Ending ending = ending_of(seen, limits);
  Verdict verdict;
  verdict.exit.cause = ending.cause;
  verdict.exit.value = ending.value;
  verdict.exit.usage = seen.cell.usage;
  verdict.exit.usage.wall = seen.wall;
  if (seen.word) {
    if (seen.cell.usage.cpu.count() == 0) verdict.exit.usage.cpu = seen.word->cpu;
    if (seen.cell.usage.peak_memory.count == 0) verdict.exit.usage.peak_memory = seen.word->peak_memory;
  }
  const auto hit = [&](bool is_hit, Cause ended_by_it, const char* name) {
    if (is_hit && ending.cause != ended_by_it) verdict.limits_hit.emplace_back(name);
  };
  hit(seen.cell.memory_kills > 0, Cause::kMemoryLimit, "memory");
  hit(seen.cell.pids_refusals > 0, Cause::kPidsLimit, "pids");
  hit(seen.word && seen.word->is_disk_full, Cause::kDiskLimit, "disk");
  hit(seen.is_output_elided, Cause::kOutputLimit, "output");
  return verdict;
}

}  // namespace brig::runtime
