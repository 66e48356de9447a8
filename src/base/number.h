#pragma once
/// Numbers that came as text.
#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>

namespace brig {

/// The number that the whole of `text` is in decimal digits; none for anything else (a sign, a blank, nothing at all)
/// and for what a Number cannot hold.
template <std::unsigned_integral Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc() || end != last) return std::nullopt;
  return number;
}

}  // namespace brig
