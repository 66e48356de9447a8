#pragma once
/// Bytes and durations as people write them ("256M", "30s"), strictly parsed and printed back.
#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace brig {

/// A number of bytes. Not convertible from or to a bare integer by accident.
struct Bytes {
  std::uint64_t count = 0;
  auto operator<=>(const Bytes&) const = default;
};

constexpr Bytes kibibytes(std::uint64_t n) { return {n << 10}; }
constexpr Bytes mebibytes(std::uint64_t n) { return {n << 20}; }
constexpr Bytes gibibytes(std::uint64_t n) { return {n << 30}; }

using Milliseconds = std::chrono::milliseconds;

/// "4096", "64K", "256M", "1.5G", "2T" (powers of 1024; an optional "B" or "iB" after the letter). kInvalidArgument
/// with a sentence that names the text for anything else, including negative, empty, NaN and values of 2^63 or more.
Result<Bytes> parse_bytes(std::string_view text);
/// The shortest exact text that parse_bytes reads back: "256M", "1536K", "10".
std::string format(Bytes bytes);
/// For people, where exactness does not matter: "18.8G", "256M", "1.5K", "10". Rounded down to a tenth.
std::string format_rounded(Bytes bytes);

/// "250ms", "30s", "2m", "1h", "1.5s"; a bare number means seconds. Whole milliseconds, at least 1 ms and at most 10
/// years; everything else (0, negative, "1e99", "abc") is kInvalidArgument with a sentence that names the text.
Result<Milliseconds> parse_duration(std::string_view text);
/// "250ms", "30s", "90s", "2m", "1h": the shortest exact text that parse_duration reads back.
std::string format(Milliseconds duration);

}  // namespace brig
