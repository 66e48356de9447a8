#pragma once
/// Exit: how a run ended, as data. That *we* failed is an Error; a bug is a crash. Never mixed.
#include <cstdint>
#include <string_view>

#include "base/units.h"

namespace brig::runtime {

enum class Cause : std::uint8_t {
  kExited,       ///< `value` is the exit code, 0–255
  kSignalled,    ///< `value` is the signal
  kTimeout,      ///< the command's wall-clock limit
  kCpuLimit,     ///< the CPU-seconds limit
  kMemoryLimit,  ///< an out-of-memory kill inside the sandbox
  kDiskLimit,    ///< ended by the file-size signal
  kOutputLimit,  ///< wrote more than the policy's output_total
  kPidsLimit,    ///< could not be started: the sandbox has no process left
  kPolicyKill,   ///< the system-call filter (SIGSYS) or an audit rule ended it
  kExpired,      ///< the sandbox's time-to-live
};

/// What it used. Zero where the host could not measure.
struct Usage {
  Milliseconds wall{0};
  Milliseconds cpu{0};
  Bytes peak_memory{0};
  bool operator==(const Usage&) const = default;
};

struct Exit {
  Cause cause = Cause::kExited;
  int value = 0;  ///< exit code or signal; see Cause
  Usage usage;
  bool operator==(const Exit&) const = default;
};

/// The status of product documentation: "ok", "error", "signal", "timeout", "cpu_limit", "memory_limit", …
std::string_view status_of(const Exit& exit);

/// The exit code of `brig run`: the program's own, 128+N, 124 (time), 137 (memory), 125 (other limits), 126 (policy).
int exit_code_of(const Exit& exit);

/// The exit code when Brig itself could not do its part ("failed").
inline constexpr int kFailedExitCode = 125;
/// The exit code of a usage error: nothing was started.
inline constexpr int kUsageExitCode = 2;

}  // namespace brig::runtime
