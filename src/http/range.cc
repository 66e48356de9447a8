#include "http/range.h"

#include <algorithm>

#include "base/number.h"

namespace brig::http {

std::optional<ByteRange> parse_range(std::string_view field, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!field.starts_with(kUnit)) return {};
  field.remove_prefix(kUnit.size());
  const std::size_t dash = field.find('-');
  if (dash == std::string_view::npos) return {};
  const auto last = whole_number<std::uint64_t>(field.substr(dash + 1));
  if (dash == 0) {  // the last so many
    if (!last) return {};
    const std::uint64_t count = std::min(*last, size);
    return ByteRange{.first = size - count, .count = count};
  }
  const auto first = whole_number<std::uint64_t>(field.substr(0, dash));
  const bool is_open = dash + 1 == field.size();
  if (!first || (!last && !is_open) || (last && *last < *first)) return {};
  if (*first >= size) return ByteRange{.first = *first, .count = 0};
  const std::uint64_t rest = size - *first;
  const bool is_whole = is_open || *last - *first >= rest;
  return ByteRange{.first = *first, .count = is_whole ? rest : *last - *first + 1};
}

std::string content_range(const ByteRange& range, std::uint64_t size) {
  const std::string of = "/" + std::to_string(size);
  if (range.count == 0) return "bytes *" + of;
  return "bytes " + std::to_string(range.first) + "-" + std::to_string(range.first + range.count - 1) + of;
}

}  // namespace brig::http
