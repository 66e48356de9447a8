#include "base/wall_time.h"

#include <algorithm>

namespace brig {
namespace {

void append_padded(std::string& out, long long number, std::size_t width) {
  const std::string digits = std::to_string(number);
  out.append(width - std::min(width, digits.size()), '0');
  out += digits;
}

constexpr std::int64_t kFirst = -62'167'219'200'000;  // 0000-01-01T00:00:00.000Z
constexpr std::int64_t kLast = 253'402'300'799'999;   // 9999-12-31T23:59:59.999Z

}  // namespace

WallTime wall_now() { return std::chrono::floor<Milliseconds>(std::chrono::system_clock::now()); }

std::string format(WallTime time) {
  const WallTime shown = wall_time(std::clamp(milliseconds_since_1970(time), kFirst, kLast));
  const auto day = std::chrono::floor<std::chrono::days>(shown);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Milliseconds> clock(shown - day);
  std::string text;
  append_padded(text, static_cast<int>(date.year()), 4);
  text += '-';
  append_padded(text, static_cast<unsigned>(date.month()), 2);
  text += '-';
  append_padded(text, static_cast<unsigned>(date.day()), 2);
  text += 'T';
  append_padded(text, clock.hours().count(), 2);
  text += ':';
  append_padded(text, clock.minutes().count(), 2);
  text += ':';
  append_padded(text, clock.seconds().count(), 2);
  text += '.';
  append_padded(text, clock.subseconds().count(), 3);
  text += 'Z';
  return text;
}

}  // namespace brig
