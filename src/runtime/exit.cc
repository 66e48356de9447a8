#include "runtime/exit.h"

namespace brig::runtime {

std::string_view status_of(const Exit& exit) {
  switch (exit.cause) {
    case Cause::kExited: return exit.value == 0 ? "ok" : "error";
    case Cause::kSignalled: return "signal";
    case Cause::kTimeout: return "timeout";
    case Cause::kCpuLimit: return "cpu_limit";
    case Cause::kMemoryLimit: return "memory_limit";
    case Cause::kDiskLimit: return "disk_limit";
    case Cause::kOutputLimit: return "output_limit";
    case Cause::kPidsLimit: return "pids_limit";
    case Cause::kPolicyKill: return "policy_kill";
    case Cause::kExpired: return "expired";
  }
  return "failed";
}

int exit_code_of(const Exit& exit) {
  switch (exit.cause) {
    case Cause::kExited: return exit.value & 0xff;
    case Cause::kSignalled: return 128 + (exit.value & 0x7f);
    case Cause::kTimeout:
    case Cause::kCpuLimit:
    case Cause::kExpired: return 124;
    case Cause::kMemoryLimit: return 137;
    case Cause::kDiskLimit:
    case Cause::kOutputLimit:
    case Cause::kPidsLimit: return 125;
    case Cause::kPolicyKill: return 126;
  }
  return kFailedExitCode;
}

}  // namespace brig::runtime
