#pragma once
/// Place: where in a text something stands. Lines and columns count from 1; a column is a character (code point), not a
/// byte.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace brig::json {

struct Place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  bool operator==(const Place&) const = default;
};

/// "3:7"
std::string to_string(Place place);

/// The place of the byte at `offset` (clamped to the end) of `text`.
Place place_of(std::string_view text, std::size_t offset);

}  // namespace brig::json
