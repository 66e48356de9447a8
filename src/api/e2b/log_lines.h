#pragma once
/// Log lines: the newest lines of what commands printed, without looking at all of it. Pure.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace brig::api::e2b {

/// Of one line; what is beyond is left out.
inline constexpr std::size_t kLogLineMost = std::size_t{16} << 10;
/// Of what is searched for: looking takes as long as the two multiplied.
inline constexpr std::size_t kSearchMost = 256;

/// The last `most` lines of `text` that contain `search`, from the last to the first, each without its end. Empty lines
/// are lines; nothing follows the last line's end.
std::vector<std::string_view> newest_lines(std::string_view text, std::size_t most, std::string_view search);

}  // namespace brig::api::e2b
