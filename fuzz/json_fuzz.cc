// What parses must be writable, and read back as the same value.
#include <cstdint>

#include <boost/json/value.hpp>

#include "base/check.h"
#include "json/json.h"
#include "json/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto value = brig::json::parse(text);
  if (value.has_value()) {
    const auto back = brig::json::parse(brig::json::write(*value));
    BRIG_CHECK(back.has_value(), "written JSON does not parse");
    BRIG_CHECK(*back == *value, "written JSON reads back differently");
  } else {
    BRIG_CHECK(!value.error().message().empty(), "an error without a reason");
  }
  BRIG_CHECK(brig::json::parse("\"a\"").has_value(), "the parser keeps state between texts");
  (void)brig::json::utf8_lossy(text);
  return 0;
}
