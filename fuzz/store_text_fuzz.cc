// What is read back from the store's columns and from the first bytes of its file: a disk may hold anything.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/fd.h"
#include "store/header.h"
#include "store/string_map.h"

using namespace brig;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto map = store::map_from_json(text)) {
    const auto again = store::to_json(*map);
    BRIG_CHECK(again.has_value(), "a map that cannot be written");
    const auto back = store::map_from_json(*again);
    BRIG_CHECK(back.has_value() && *back == *map, "a map reads back differently");
  }
  if (const auto list = store::list_from_json(text)) {
    const auto back = store::list_from_json(store::to_json(*list));
    BRIG_CHECK(back.has_value() && *back == *list, "a list reads back differently");
  }
  const Fd file(::memfd_create("header", MFD_CLOEXEC));
  if (!file.is_open() || ::write(file.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  const auto good = store::check_header("/proc/self/fd/" + std::to_string(file.get()), 5);
  if (good.has_value()) BRIG_CHECK(size == 0 || text.starts_with("SQLite format 3"), "no database");
  return 0;
}
