// Attacker: a wheel that has taken over the sandbox in which it is installed, and answers in its place; and whoever
// edited the record of a library. What is read names files in no other folder, and can be written and read again.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "image/library.h"
#include "image/make/libraries.h"

using namespace brig;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto installed = image::parse_installed(text)) {
    BRIG_CHECK(installed->size() <= image::kWheelsMost, "too many packages");
    for (const auto& package : *installed) BRIG_CHECK(!package.file.contains('/'), "a path of the wheel's choice");
  }
  if (const auto library = image::parse_library(text)) {
    for (const auto& wheel : library->wheels) BRIG_CHECK(!wheel.file.contains('/'), "a path of the record's choice");
    const auto again = image::parse_library(to_json(*library));
    BRIG_CHECK(again.has_value() && *again == *library, "what was read is not what is written");
  }
  return 0;
}
