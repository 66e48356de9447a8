#include "image/worker/oci.h"

#include <algorithm>

#include <boost/json/value.hpp>

#include "base/paths.h"
#include "base/text.h"
#include "image/digest.h"
#include "image/json_text.h"
#include "image/preload.h"
#include "json/json.h"
#include "json/reader.h"
#include "policy/validate.h"

namespace brig::image {
namespace {

using json::Reader;

constexpr json::Limits kJson{.max_bytes = kImageJsonMost, .max_depth = 32};
constexpr std::string_view kReference = "org.opencontainers.image.ref.name";
constexpr std::size_t kShown = 10;

/// A text that may be missing or null.
Result<std::string> optional_text(const Reader& reader, std::string_view key, std::size_t most = 4096) {
  const auto found = TRY(reader.given(key));
  if (!found) return std::string();
  return std::string(TRY(bounded_text(*found, most)));
}

Result<std::vector<std::string>> optional_texts(const Reader& reader, std::string_view key, TextBounds bounds) {
  const auto found = TRY(reader.given(key));
  if (!found) return std::vector<std::string>();
  return text_list(*found, bounds);
}

Result<Descriptor> read_descriptor(const Reader& reader) {
  Descriptor descriptor;
  descriptor.media_type = TRY(optional_text(reader, "mediaType", 256));
  const Reader digest = TRY(reader.at("digest"));
  descriptor.digest = TRY(digest.text());
  if (!is_digest(descriptor.digest)) return digest.error("expected sha256: and 64 hexadecimal digits");
  descriptor.size = static_cast<std::uint64_t>(TRY(TRY(reader.at("size")).integer(0)));
  if (const auto annotations = TRY(reader.given("annotations")))
    descriptor.reference = TRY(optional_text(*annotations, kReference, 512));
  if (const auto platform = TRY(reader.given("platform"))) {
    descriptor.os = TRY(optional_text(*platform, "os", 64));
    descriptor.architecture = TRY(optional_text(*platform, "architecture", 64));
  }
  return descriptor;
}

Result<std::vector<Descriptor>> read_descriptors(const Reader& reader, std::size_t most) {
  const auto items = TRY(reader.items());
  if (items.size() > most) return reader.error("more than " + std::to_string(most) + " entries");
  std::vector<Descriptor> all;
  for (const Reader& item : items) all.push_back(TRY(read_descriptor(item)));
  return all;
}

/// Variables that no sandbox could have are left out: the image is sound without them.
void take_environment(const std::vector<std::string>& pairs, Defaults& defaults) {
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos) continue;
    policy::Variable variable{pair.substr(0, equals), pair.substr(equals + 1)};
    if (!policy::check_variable(variable)) continue;
    std::erase_if(defaults.environment, [&](const policy::Variable& old) { return old.name == variable.name; });
    defaults.environment.push_back(std::move(variable));
  }
}

/// As the environment: one that could not be is left out. Labels of other programs may be of any size and kind.
Result<> take_labels(const Reader& labels, Defaults& defaults) {
  const auto preload = TRY(labels.given(kPreloadLabel));
  if (!preload) return {};
  if (auto modules = parse_preload(TRY(bounded_text(*preload, 8192)))) defaults.preload = *std::move(modules);
  return {};
}

Error choose_one(std::string_view what, std::vector<std::string> names) {
  std::string text = std::string(what) + ": ";
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i > 0 ? ", " : "") + printable(names[i], 120);
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return {Code::kInvalidArgument, text + " (choose one with --image)"};
}

std::string label_of(const Descriptor& descriptor) {
  std::string label = descriptor.reference.empty() ? descriptor.digest : descriptor.reference;
  if (!descriptor.architecture.empty()) label += " (" + descriptor.os + "/" + descriptor.architecture + ")";
  return label;
}

}  // namespace

bool Descriptor::is_index() const {
  return media_type == "application/vnd.oci.image.index.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

bool Descriptor::is_image() const {
  return media_type.empty() || media_type == "application/vnd.oci.image.manifest.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.v2+json";
}

Result<std::vector<Descriptor>> parse_index(std::string_view text) {
  const json::Value value = TRY(json::parse(text, kJson));
  const Reader root(value);
  TRY(TRY(root.at("schemaVersion")).integer(2, 2));
  return read_descriptors(TRY(root.at("manifests")), kImagesMost);
}

Result<ImageManifest> parse_image_manifest(std::string_view text) {
  const json::Value value = TRY(json::parse(text, kJson));
  const Reader root(value);
  TRY(TRY(root.at("schemaVersion")).integer(2, 2));
  ImageManifest manifest;
  manifest.config = TRY(read_descriptor(TRY(root.at("config"))));
  manifest.layers = TRY(read_descriptors(TRY(root.at("layers")), kLayersMost));
  return manifest;
}

Result<ImageConfig> parse_image_config(std::string_view text) {
  const json::Value value = TRY(json::parse(text, kJson));
  const Reader root(value);
  ImageConfig config;
  config.architecture = TRY(optional_text(root, "architecture", 64));
  config.os = TRY(optional_text(root, "os", 64));
  if (const auto inner = TRY(root.given("config"))) {
    take_environment(TRY(optional_texts(*inner, "Env", {.count = 1000, .length = std::size_t{64} << 10})),
                     config.defaults);
    config.defaults.entrypoint = TRY(optional_texts(*inner, "Entrypoint", kArguments));
    config.defaults.command = TRY(optional_texts(*inner, "Cmd", kArguments));
    if (const auto labels = TRY(inner->given("Labels"))) TRY(take_labels(*labels, config.defaults));
    const std::string folder = TRY(optional_text(*inner, "WorkingDir", 4095));
    if (const auto path = GuestPath::parse(folder); path && path->text() != "/")
      config.defaults.working_folder = path->text();
  }
  const Reader rootfs = TRY(root.at("rootfs"));
  const Reader ids = TRY(rootfs.at("diff_ids"));
  if (!ids.is_null()) config.diff_ids = TRY(text_list(ids, {.count = kLayersMost, .length = 128}));
  for (const std::string& id : config.diff_ids) {
    if (!is_digest(id)) return ids.error("expected sha256: and 64 hexadecimal digits");
  }
  return config;
}

Result<std::vector<SavedImage>> parse_saved(std::string_view text) {
  const json::Value value = TRY(json::parse(text, kJson));
  const Reader root(value);
  const auto items = TRY(root.items());
  if (items.size() > kImagesMost) return root.error("more than " + std::to_string(kImagesMost) + " images");
  std::vector<SavedImage> all;
  for (const Reader& item : items) {
    SavedImage image;
    image.config = TRY(bounded_text(TRY(item.at("Config")), 4096));
    image.tags = TRY(optional_texts(item, "RepoTags", {.count = 1000, .length = 512}));
    image.layers = TRY(text_list(TRY(item.at("Layers")), {.count = kLayersMost, .length = 4096}));
    all.push_back(std::move(image));
  }
  return all;
}

std::string_view own_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "which name do images have for this machine?"
#endif
}

Result<Descriptor> choose_image(const std::vector<Descriptor>& all, std::string_view wanted) {
  std::vector<Descriptor> possible;
  std::vector<std::string> names;
  for (const Descriptor& one : all) {
    if (!one.is_image() && !one.is_index()) continue;
    names.push_back(label_of(one));
    const bool is_foreign = !one.architecture.empty() && (one.architecture != own_architecture() || one.os != "linux");
    const bool is_wanted = wanted.empty() ? !is_foreign : one.reference == wanted || one.digest == wanted;
    if (is_wanted) possible.push_back(one);
  }
  if (possible.size() == 1) return possible.front();
  if (names.empty()) return Error(Code::kInvalidArgument, "it has no image");
  if (!wanted.empty()) return choose_one("there is no one image \"" + printable(wanted, 200) + "\" in it", names);
  if (possible.empty()) {
    return choose_one("it has no image for linux/" + std::string(own_architecture()), names);
  }
  return choose_one("it has " + std::to_string(possible.size()) + " images", names);
}

Result<SavedImage> choose_saved(const std::vector<SavedImage>& all, std::string_view wanted) {
  std::vector<const SavedImage*> possible;
  std::vector<std::string> names;
  for (const SavedImage& one : all) {
    names.push_back(one.tags.empty() ? one.config : one.tags.front());
    if (wanted.empty() || one.config == wanted || std::ranges::find(one.tags, wanted) != one.tags.end())
      possible.push_back(&one);
  }
  if (possible.size() == 1) return *possible.front();
  if (names.empty()) return Error(Code::kInvalidArgument, "it has no image");
  if (!wanted.empty()) return choose_one("there is no one image \"" + printable(wanted, 200) + "\" in it", names);
  return choose_one("it has " + std::to_string(possible.size()) + " images", names);
}

}  // namespace brig::image
