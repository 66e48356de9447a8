#pragma once
/// Deadline: a moment on the clock of the warden's end-of-life timer, which goes on while the machine sleeps.
#include <time.h>

#include <optional>

#include "base/units.h"

namespace brig::runtimes::process {

using Deadline = std::optional<Milliseconds>;  ///< since boot; none = never

inline Milliseconds since_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return Milliseconds(std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000);
}

/// 0 = no end.
inline Deadline deadline_after(Milliseconds from_now) {
  if (from_now.count() == 0) return {};
  return since_boot() + from_now;
}

inline bool has_passed(const Deadline& deadline) { return deadline.has_value() && since_boot() >= *deadline; }

}  // namespace brig::runtimes::process
