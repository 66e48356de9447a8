// Attacker: a manifest that somebody edited, or a draft from a worker that was taken over. What is accepted is written
// and read back as the same, and is fit for a sandbox.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "image/manifest.h"
#include "policy/validate.h"

using namespace brig;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto manifest = image::parse_manifest(text)) {
    const auto again = image::parse_manifest(image::to_json(*manifest));
    BRIG_CHECK(again.has_value() && *again == *manifest, "not read back");
    const auto policy = image::apply_defaults({}, manifest->defaults);
    BRIG_CHECK(policy.has_value() && policy::validate(*policy).has_value(), "no sandbox could have these defaults");
  }
  if (const auto draft = image::parse_draft(text)) {
    const auto again = image::parse_draft(image::to_draft(*draft));
    BRIG_CHECK(again.has_value() && *again == *draft, "not read back");
  }
  return 0;
}
