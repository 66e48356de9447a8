// Attacker: a daemon that was taken over orders templates of a process with root's rights; or such a process, taken
// over, tells the daemon news. What is accepted is written and read back as the same, and names nothing outside.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "image/manifest.h"
#include "image/order.h"

using namespace brig;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto order = image::parse_order(text)) {
    const auto again = image::parse_order(image::to_json(*order));
    BRIG_CHECK(again.has_value() && *again == *order, "not read back");
    BRIG_CHECK(image::is_owner(order->id), "an id is plain");
    BRIG_CHECK(image::id_of_order(text) == order->id, "the same, read by itself");
    if (order->kind != image::Order::Kind::kCancel) {
      BRIG_CHECK(image::is_template_name(order->name), "a name is no path");
      BRIG_CHECK(image::is_owner(order->owner), "whoever orders has a name");
    }
  }
  if (const auto news = image::parse_news(text)) {
    const auto again = image::parse_news(image::to_json(*news));
    BRIG_CHECK(again.has_value() && *again == *news, "not read back");
    BRIG_CHECK(printable(news->text, news->text.size()) == news->text, "what is shown is printable");
  }
  return 0;
}
