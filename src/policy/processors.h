#pragma once
/// The share of processors as a whole number, for those who count in whole ones.
#include <algorithm>

#include "policy/policy.h"

namespace brig::policy {

/// Rounded up, at least one.
[[nodiscard]] inline std::uint32_t processors_of(const Limits& limits) {
  return std::max(1U, (limits.cpu_millis + 999) / 1000);
}

}  // namespace brig::policy
