// Any text is either a bounded tree or an error; the tree is no deeper than asked for.
#include <cstdint>

#include "base/check.h"
#include "json/toml.h"

namespace {

std::size_t depth_of(const brig::json::TomlValue& value) {
  std::size_t depth = 0;
  if (const auto* array = value.as<brig::json::TomlArray>()) {
    for (const auto& item : *array) depth = std::max(depth, 1 + depth_of(item));
  }
  if (const auto* table = value.as<brig::json::TomlTable>()) {
    for (const auto& entry : *table) depth = std::max(depth, 1 + depth_of(entry.value));
  }
  return depth;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto root = brig::json::parse_toml(text, {.max_bytes = 64 << 10, .max_depth = 8});
  if (root.has_value()) {
    BRIG_CHECK(depth_of(*root) <= 9, "deeper than the limit");
  } else {
    BRIG_CHECK(!root.error().message().empty(), "an error without a reason");
  }
  return 0;
}
