#pragma once
/// The plan as bytes (packing.h), between brig-launch and brig-init: a step is one opcode byte, then its fields in the
/// order of plan.h. And the descriptors on which the two meet.
#include <cstddef>
#include <cstdint>

namespace brig::runtimes::process {

inline constexpr std::size_t kMaxPlan = 96 * 1024;

/// The opcode of a step is its index in the variant `Step`.
enum class Opcode : std::uint8_t {
  kJoinCgroup,
  kEnterCgroupNamespace,
  kSetIdentity,
  kDieWithParent,
  kMakeMountsPrivate,
  kNewRoot,
  kUseRoot,
  kEnterRoot,
  kLeaveRoot,
  kMakeFilesAs,
  kMakeFolder,
  kMakeLink,
  kWriteFile,
  kCopyProgram,
  kBindHost,
  kAttachMount,
  kMountTmpfs,
  kMountProc,
  kCoverProc,
  kSetKernelLimit,
  kMountTerminals,
  kBindInside,
  kPivotRoot,
  kSealRoot,
  kSetHostname,
  kRaiseLoopback,
  kNewSession,
  kSetLimit,
  kDropCapabilities,
  kKeepCapabilities,
  kForbidNewPrivileges,
  kRestrictFiles,
  kHideProcess,
  kInstallSeccomp,
};

/// The user inside, by the field's convention; and the only id that is mapped.
inline constexpr std::uint32_t kInsideUid = 1000;
inline constexpr std::uint32_t kInsideGid = 1000;

/// The descriptors brig-init is started with.
inline constexpr int kChannelFd = 3;  ///< the guest protocol's stream
inline constexpr int kPlanFd = 4;     ///< a pipe: 32-bit length, the plan, later one byte "go"
inline constexpr int kReportFd = 5;   ///< a pipe: one PlanReport
inline constexpr int kFirstSlot = 6;  ///< `slot` n of a step is descriptor kFirstSlot + n

/// What brig-init says after the plan: step == kPlanDone, or which step failed with which errno.
struct PlanReport {
  std::uint32_t step = 0;
  std::int32_t os_error = 0;
};
inline constexpr std::uint32_t kPlanDone = 0xffffffff;
inline constexpr std::uint32_t kPlanUnreadable = 0xfffffffe;
inline constexpr std::uint32_t kNoNetworkNamespace = 0xfffffffd;  ///< brig-init was not even started
inline constexpr std::uint32_t kIdentityUnchanged = 0xfffffffc;   ///< before the plan (executor.h)

}  // namespace brig::runtimes::process
