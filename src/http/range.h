#pragma once
/// Range: one range of bytes that a client asks for (RFC 9110, section 14).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brig::http {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t count = 0;  ///< 0: nothing of what was asked for is there, which is 416
  bool operator==(const ByteRange&) const = default;
};

/// What the field `Range: <field>` asks for of something of `size` bytes. None if the field is to be ignored: another
/// unit than bytes, several ranges, or no range at all.
std::optional<ByteRange> parse_range(std::string_view field, std::uint64_t size);

/// For Content-Range: "bytes 0-99/1000", or "bytes */1000" of an empty one.
std::string content_range(const ByteRange& range, std::uint64_t size);

}  // namespace brig::http
