#pragma once
/// WallTime: a moment by the calendar, in whole milliseconds since 1970 (UTC). For what outlives the process and for
/// people; how long something takes is measured with std::chrono::steady_clock.
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/units.h"

namespace brig {

using WallTime = std::chrono::sys_time<Milliseconds>;

/// What tells the time: `wall_now`, or a test's own.
using WallClock = std::function<WallTime()>;

[[nodiscard]] WallTime wall_now();

constexpr WallTime wall_time(std::int64_t milliseconds_since_1970) {
  return WallTime(Milliseconds(milliseconds_since_1970));
}
constexpr std::int64_t milliseconds_since_1970(WallTime time) { return time.time_since_epoch().count(); }

/// RFC 3339 in UTC with milliseconds: "2026-11-21T07:19:34.123Z". Years 0 to 9999; what lies beyond is shown as the
/// nearest of them.
std::string format(WallTime time);

}  // namespace brig
