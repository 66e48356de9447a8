// What a guest says about itself: result lines, file names, base64. The bounds hold, and the cut of the bytes changes
// nothing.
#include <cstdint>
#include <span>
#include <string_view>

#include "base/base64.h"
#include "base/check.h"
#include "service/out_folder.h"
#include "service/results.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  brig::service::Results whole;
  whole.append(bytes);
  whole.finish();
  BRIG_CHECK(whole.items().size() <= brig::service::kResultsMax, "more results than the bound");

  brig::service::Results cut;
  const std::size_t at = size > 0 ? data[0] % size : 0;
  cut.append(bytes.first(at));
  cut.append(bytes.subspan(at));
  cut.finish();
  BRIG_CHECK(cut.items().size() == whole.items().size() && cut.dropped() == whole.dropped(), "the cut matters");

  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto parts = brig::service::check_guest_name(text)) {
    for (const std::string_view part : *parts) {
      BRIG_CHECK(
          !part.empty() && part != "." && part != ".." && part.find('/') == part.npos && part.find('\0') == part.npos,
          "a name that leads elsewhere was accepted");
    }
  }
  (void)brig::from_base64(text);
  return 0;
}
