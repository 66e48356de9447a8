#pragma once
/// judge(): what a run's end means, from everything that was seen of it. Pure.
///
/// Two witnesses: the host (timer, byte counts, the cell's figures), which is believed, and the agent inside, which
/// says how the program ended and is believed only where the host saw nothing else. A guest that lies changes its own
/// status and no more.
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "runtime/exit.h"
#include "runtime/runtime.h"

namespace brig::runtime {

/// What the agent says of the main program.
struct GuestWord {
  bool is_signalled = false;
  int value = 0;  ///< exit code or signal
  Milliseconds cpu{0};
  Bytes peak_memory{0};
  bool is_disk_full = false;
};

/// Why the host ended the run before the program did, if it did.
enum class HostAct : std::uint8_t {
  kNone,
  kTimeout,         ///< the command's wall-clock limit
  kOutputTotal,     ///< more output than the policy's output_total
  kProtocolBroken,  ///< the guest sent what no agent of ours sends
  kChannelLost,     ///< the agent is gone
  kNoProcessLeft,   ///< the program could not be started: EAGAIN
};

struct Observed {
  HostAct act = HostAct::kNone;
  std::optional<GuestWord> word;
  CellReport cell;
  Milliseconds wall{0};  ///< of the command
  bool is_output_elided = false;
};

struct Verdict {
  Exit exit;
  std::vector<std::string>
      limits_hit;  ///< limits that were met without ending the program: "memory", "pids", "disk", "output"
  bool operator==(const Verdict&) const = default;
};

Verdict judge(const Observed& seen, const policy::Limits& limits);

}  // namespace brig::runtime
