// Attacker: the JSON of an image (an OCI index, manifest or configuration, docker's manifest.json). What is read is
// within its bounds, and fit to become a template's defaults.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "image/digest.h"
#include "image/worker/oci.h"

using namespace brig;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto index = image::parse_index(text)) {
    BRIG_CHECK(index->size() <= image::kImagesMost, "too many images");
    for (const auto& image : *index) BRIG_CHECK(image::is_digest(image.digest), "a path of the image's choice");
    if (const auto chosen = image::choose_image(*index, ""))
      BRIG_CHECK(chosen->is_image() || chosen->is_index(), "no image");
  }
  if (const auto manifest = image::parse_image_manifest(text)) {
    BRIG_CHECK(manifest->layers.size() <= image::kLayersMost, "too many layers");
    for (const auto& layer : manifest->layers)
      BRIG_CHECK(image::is_digest(layer.digest), "a path of the image's choice");
  }
  if (const auto config = image::parse_image_config(text)) {
    for (const auto& id : config->diff_ids) BRIG_CHECK(image::is_digest(id), "no digest");
    for (const auto& variable : config->defaults.environment)
      BRIG_CHECK(!variable.name.contains('=') && !variable.value.contains('\0'), "no variable");
  }
  if (const auto saved = image::parse_saved(text)) (void)image::choose_saved(*saved, "").has_value();
  return 0;
}
