#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace brig {
namespace {

/// "<digits>[.<digits>]<suffix>": the value and the suffix. No sign, no exponent, no white space.
struct Quantity {
  double value = 0;
  std::string_view suffix;
};

Result<Quantity> parse_quantity(std::string_view text, std::string_view what) {
  const auto bad = [&] {
    return Error(Code::kInvalidArgument, "\"" + std::string(text.substr(0, 40)) + "\" is not a " + std::string(what));
  };
  std::size_t length = 0;
  while (length < text.size() && ((text[length] >= '0' && text[length] <= '9') || text[length] == '.')) ++length;
  if (length == 0 || length > 24) return bad();
  Quantity quantity{.value = 0, .suffix = text.substr(length)};
  const auto [end, error] =
      // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the second pointer is the end
      std::from_chars(text.data(), text.data() + length, quantity.value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + length || !std::isfinite(quantity.value)) return bad();
  return quantity;
}

constexpr std::array<std::pair<std::string_view, int>, 16> kByteSuffixes{{
    {"", 0},
    {"B", 0},
    {"K", 10},
    {"KB", 10},
    {"KiB", 10},
    {"k", 10},
    {"M", 20},
    {"MB", 20},
    {"MiB", 20},
    {"m", 20},
    {"G", 30},
    {"GB", 30},
    {"GiB", 30},
    {"g", 30},
    {"T", 40},
    {"TiB", 40},
}};

constexpr std::array<std::pair<std::string_view, double>, 6> kDurationSuffixes{{
    {"", 1000},
    {"ms", 1},
    {"s", 1000},
    {"m", 60'000},
    {"h", 3'600'000},
    {"d", 86'400'000},
}};

constexpr double kLongestMilliseconds = 10.0 * 365 * 86'400'000;

}  // namespace

Result<Bytes> parse_bytes(std::string_view text) {
  const Quantity quantity = TRY(parse_quantity(text, "size: write a number of bytes, or 64K, 256M, 1.5G"));
  for (const auto& [suffix, shift] : kByteSuffixes) {
    if (quantity.suffix != suffix) continue;
    const double value = std::ldexp(quantity.value, shift);
    if (value >= std::ldexp(1.0, 63)) {
      return Error(Code::kInvalidArgument, "the size \"" + std::string(text) + "\" is too large");
    }
    return Bytes{static_cast<std::uint64_t>(value)};
  }
  return Error(Code::kInvalidArgument, "\"" + std::string(text.substr(0, 40)) +
                                           "\" is not a size: write a number of bytes, or 64K, 256M, 1.5G");
}

std::string format(Bytes bytes) {
  constexpr std::array<std::pair<char, int>, 4> kUnits{{{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}}};
  for (const auto& [letter, shift] : kUnits) {
    const std::uint64_t unit = std::uint64_t{1} << shift;
    if (bytes.count >= unit && bytes.count % unit == 0) return std::to_string(bytes.count >> shift) + letter;
  }
  return std::to_string(bytes.count);
}

std::string format_rounded(Bytes bytes) {
  constexpr std::array<std::pair<char, int>, 4> kUnits{{{'T', 40}, {'G', 30}, {'M', 20}, {'K', 10}}};
  for (const auto& [letter, shift] : kUnits) {
    if (bytes.count >> shift == 0) continue;
    const std::uint64_t rest = bytes.count & ((std::uint64_t{1} << shift) - 1);
    const std::uint64_t tenths = (rest >> (shift - 10)) * 10 >> 10;  // down: what is promised is there
    return std::to_string(bytes.count >> shift) + (tenths > 0 ? "." + std::to_string(tenths) : "") + letter;
  }
  return std::to_string(bytes.count);
}

Result<Milliseconds> parse_duration(std::string_view text) {
  const Quantity quantity = TRY(parse_quantity(text, "duration: write 250ms, 30s, 2m or 1h"));
  for (const auto& [suffix, factor] : kDurationSuffixes) {
    if (quantity.suffix != suffix) continue;
    const double milliseconds = std::round(quantity.value * factor);
    if (milliseconds < 1 || milliseconds > kLongestMilliseconds) {
      return Error(Code::kInvalidArgument,
                   "the duration \"" + std::string(text) + "\" is out of range: at least 1ms and at most 3650d");
    }
    return Milliseconds(static_cast<Milliseconds::rep>(milliseconds));
  }
  return Error(Code::kInvalidArgument,
               "\"" + std::string(text.substr(0, 40)) + "\" is not a duration: write 250ms, 30s, 2m or 1h");
}

std::string format(Milliseconds duration) {
  const auto count = duration.count();
  if (count % 1000 != 0) return std::to_string(count) + "ms";
  if (count % 3'600'000 == 0 && count > 0) return std::to_string(count / 3'600'000) + "h";
  if (count % 60'000 == 0 && count > 60'000) return std::to_string(count / 60'000) + "m";
  return std::to_string(count / 1000) + "s";
}

}  // namespace brig
