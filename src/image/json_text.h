#pragma once
/// Bounded texts and lists of texts in JSON that somebody else wrote.
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "json/reader.h"

namespace brig::image {

struct TextBounds {
  std::size_t count = 0;
  std::size_t length = 0;  ///< of one text, in bytes
};

/// Words of a command line.
inline constexpr TextBounds kArguments{.count = 1000, .length = std::size_t{64} << 10};

/// A string of at most `length` bytes without NUL.
Result<std::string_view> bounded_text(const json::Reader& reader, std::size_t length);
Result<std::vector<std::string>> text_list(const json::Reader& reader, TextBounds bounds);

boost::json::array to_array(std::span<const std::string> texts);

}  // namespace brig::image
