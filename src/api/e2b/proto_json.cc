#include "api/e2b/proto_json.h"

#include <algorithm>

#include <boost/json/value.hpp>

#include "base/base64.h"
#include "base/number.h"

namespace brig::api::e2b {

using json::Reader;

Result<std::string> text_in(const Reader& at, std::size_t most) {
  const std::string_view text = TRY(at.text());
  if (text.size() > most) return at.error("longer than " + std::to_string(most) + " bytes");
  if (text.find('\0') != std::string_view::npos) return at.error("may not contain a NUL");
  return std::string(text);
}

Result<std::string> text_at(const Reader& object, std::string_view key, std::size_t most) {
  const auto at = TRY(object.given(key));
  return at ? TRY(text_in(*at, most)) : std::string();
}

Result<bool> flag_at(const Reader& object, std::string_view key, bool usual) {
  const auto at = TRY(object.given(key));
  return at ? TRY(at->boolean()) : usual;
}

Result<std::uint64_t> number_in(const Reader& at, std::uint64_t most) {
  if (!at.value().is_string()) return static_cast<std::uint64_t>(TRY(at.integer(0, static_cast<std::int64_t>(most))));
  const auto number = whole_number<std::uint64_t>(TRY(at.text()));
  if (!number || *number > most) return at.error("expected a whole number from 0 to " + std::to_string(most));
  return *number;
}

Result<std::string> bytes_in(const Reader& at) {
  std::string text(TRY(at.text()));
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  while (text.size() % 4 != 0) text += '=';
  auto bytes = from_base64(text);
  if (!bytes) return at.error("base64 is expected");
  return *std::move(bytes);
}

}  // namespace brig::api::e2b
