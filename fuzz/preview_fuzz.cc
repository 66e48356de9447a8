// Host names of ports, passes of previews and cookies, as a client and a guest may write them.
#include <cstdint>
#include <string_view>

#include "api/common/preview.h"
#include "base/check.h"

using namespace brig;
using namespace brig::api;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const PreviewSigner signer("0123456789abcdef0123456789abcdef");
  const PortName name{.sandbox_id = "abcdefghjkmnpqrstuvw", .port = 8000};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto host = parse_port_host(text)) {
    const std::string again =
        std::to_string(host->name.port) + "-" + host->name.sandbox_id + "." + std::string(host->domain);
    BRIG_CHECK(again == text, "two host names for one port");
  }
  BRIG_CHECK(!signer.check(name, text, wall_time(1'800'000'000'000)).has_value(), "a signature was guessed");
  const std::string target = "/?" + std::string(text);
  BRIG_CHECK(without_parameter(without_parameter(target, kPreviewName), kPreviewName) ==
                 without_parameter(target, kPreviewName),
             "a pass is left");
  BRIG_CHECK(cookies_named(without_cookie(text, kPreviewName), kPreviewName).empty(), "a pass is left in the cookies");
  if (const auto cookie = tame_cookie(text)) {
    const auto again = tame_cookie(*cookie);
    BRIG_CHECK(again == cookie, "a cookie that is tame is tamed again");
  }
  return 0;
}
