// What comes in requests and names something in the store: cursors, ids, keys.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "store/cursor.h"
#include "store/ids.h"

using namespace brig::store;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Cursors cursors = std::move(*Cursors::create("0123456789abcdef"));
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto place = cursors.decode(text, "list");
  if (place.has_value()) BRIG_CHECK(cursors.encode(*place, "list") == text, "two cursors for one place");
  if (is_id(text)) BRIG_CHECK(text.find_first_not_of("abcdefghjkmnpqrstuvwxyz23456789") == text.npos, "no label");
  const auto digits = key_digits(text);
  if (digits.has_value()) BRIG_CHECK(key_digits(*digits) == digits, "the digits alone name the same key");
  return 0;
}
