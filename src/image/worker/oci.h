#pragma once
/// The JSON of container images: an OCI layout's index, manifest and configuration, and `docker save`'s manifest.json.
///
/// Pure, bounded, and strict in what it uses; keys that it does not use are the formats' business. Errors name the key.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/manifest.h"

namespace brig::image {

inline constexpr std::size_t kLayersMost = 1000;
inline constexpr std::size_t kImagesMost = 1000;
inline constexpr std::size_t kImageJsonMost = std::size_t{4} << 20;  ///< as registries bound a manifest

/// What names a blob.
struct Descriptor {
  std::string media_type;
  std::string digest;
  std::uint64_t size = 0;
  std::string reference;  ///< the annotation org.opencontainers.image.ref.name, or empty
  std::string os;         ///< of its platform; empty if not said
  std::string architecture;
  [[nodiscard]] bool is_index() const;
  [[nodiscard]] bool is_image() const;
};

struct ImageManifest {
  Descriptor config;
  std::vector<Descriptor> layers;
};

struct ImageConfig {
  std::string architecture;
  std::string os;
  Defaults defaults;                  ///< environment, working folder, entry point and command
  std::vector<std::string> diff_ids;  ///< digests of the layers, unpacked
};

/// An image in a `docker save` archive; paths are of its members.
struct SavedImage {
  std::string config;
  std::vector<std::string> tags;
  std::vector<std::string> layers;
};

Result<std::vector<Descriptor>> parse_index(std::string_view text);
Result<ImageManifest> parse_image_manifest(std::string_view text);
Result<ImageConfig> parse_image_config(std::string_view text);
Result<std::vector<SavedImage>> parse_saved(std::string_view text);

/// This machine's architecture as images call it: "amd64".
std::string_view own_architecture();

/// The one image that is meant: by `wanted` (a reference or a digest) if it is not empty, else the only one for this
/// machine. kInvalidArgument, listing what there is, if that is none or several. Indexes count as possible.
Result<Descriptor> choose_image(const std::vector<Descriptor>& all, std::string_view wanted);
Result<SavedImage> choose_saved(const std::vector<SavedImage>& all, std::string_view wanted);

}  // namespace brig::image
