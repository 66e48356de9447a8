#include "image/json_text.h"

#include <boost/json/value.hpp>

namespace brig::image {

Result<std::string_view> bounded_text(const json::Reader& reader, std::size_t length) {
  const std::string_view text = TRY(reader.text());
  if (text.size() > length) return reader.error("longer than " + std::to_string(length) + " bytes");
  if (text.contains('\0')) return reader.error("contains a NUL byte");
  return text;
}

Result<std::vector<std::string>> text_list(const json::Reader& reader, TextBounds bounds) {
  const auto items = TRY(reader.items());
  if (items.size() > bounds.count) return reader.error("more than " + std::to_string(bounds.count) + " entries");
  std::vector<std::string> texts;
  texts.reserve(items.size());
  for (const json::Reader& item : items) texts.emplace_back(TRY(bounded_text(item, bounds.length)));
  return texts;
}

boost::json::array to_array(std::span<const std::string> texts) {
  boost::json::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

}  // namespace brig::image
