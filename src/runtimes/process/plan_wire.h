#pragma once
/// The plan as bytes, between brig-launch and brig-init. Both come from one build, so there is no version; the reader checks every
/// length all the same. A step is one opcode byte, then its fields in the order of plan.h: integers little-endian, texts as
/// a 32-bit length, the bytes and a NUL. Usable without heap and without exceptions.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace brig::runtimes::process {

inline constexpr std::size_t kMaxPlan = 96 * 1024;

/// The opcode of a step is its index in the variant `Step`.
enum class Opcode : std::uint8_t {
  kJoinCgroup, kEnterCgroupNamespace, kSetIdentity, kDieWithParent, kMakeMountsPrivate, kNewRoot,
  kMakeFolder, kMakeLink, kWriteFile, kBindHost, kAttachMount, kMountTmpfs, kMountProc, kMountTerminals,
  kBindInside, kUnmount, kPivotRoot, kSealRoot, kSetHostname, kRaiseLoopback, kNewSession, kSetLimit,
  kDropCapabilities, kForbidNewPrivileges, kRestrictFiles, kHideProcess, kInstallSeccomp,
};

/// A text inside the plan: NUL-terminated in place.
struct PlanText {
  const char* data = "";
  std::uint32_t size = 0;
};

/// Reads fields from the front of a buffer. After any malformed field `is_bad()` stays true and everything reads as zero.
class PlanReader {
 public:
  explicit PlanReader(std::span<const char> bytes) : rest_(bytes) {}
  [[nodiscard]] bool is_bad() const { return is_bad_; }
  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

  template <class Number>
  Number number() {
    Number value = 0;
    if (is_bad_ || rest_.size() < sizeof value) {
      is_bad_ = true;
      return 0;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_ = rest_.subspan(sizeof value);
    return value;
  }

  PlanText text() {
    const auto size = number<std::uint32_t>();
    if (is_bad_ || rest_.size() < std::size_t{size} + 1 || rest_[size] != '\0') {
      is_bad_ = true;
      return {};
    }
    const PlanText text{.data = rest_.data(), .size = size};
    rest_ = rest_.subspan(std::size_t{size} + 1);
    return text;
  }

 private:
  std::span<const char> rest_;
  bool is_bad_ = false;
};

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

}  // namespace brig::runtimes::process
