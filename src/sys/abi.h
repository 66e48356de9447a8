#pragma once
/// Kernel constants newer than the headers of Debian 12 (Linux 6.1), each with its source. Support is probed at run
/// time.
#include <linux/landlock.h>
#include <sys/syscall.h>

#include <cstdint>

namespace brig::sys::abi {

// include/uapi/linux/landlock.h: ABI 3 (6.2), ABI 5 (6.10), ABI 6 (6.12).
inline constexpr std::uint64_t kLandlockTruncate = 1ULL << 14;
inline constexpr std::uint64_t kLandlockIoctlDev = 1ULL << 15;
inline constexpr std::uint64_t kLandlockScopeAbstractUnixSocket = 1ULL << 0;
inline constexpr std::uint64_t kLandlockScopeSignal = 1ULL << 1;

/// struct landlock_ruleset_attr as of ABI 6; the kernel takes a shorter size for older ABIs.
struct LandlockRuleset {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};

}  // namespace brig::sys::abi
