#pragma once
/// Store: the templates of one machine, as files.
///
///   images/<sha256>.erofs   what sandboxes are made on; read-only, shared by every name that has the same contents
///   names/<name>.json       a Manifest each
///   cache/<sha256>.json     what an image was made from, so that the same need not be made again
///   layers/<sha256>/        what one step of a Dockerfile changed, likewise
///   libraries/              Python packages, installed once: library.h
///   wheels/                 what they are installed from unless it is said; the owner puts wheels there
///   logs/<name>.log         what the last build of a name said
///   build/<id>/             work of builds that go on, each locked by its owner
///
/// Nothing half-made is ever visible: an image, then its name, are written beside their places, synced and renamed.
/// Builds do not disturb each other; the last one to publish a name has it. Reading takes no lock: whoever has opened
/// an image keeps it, also when its name goes. Plain, blocking, thread-compatible; everything in it is readable by all
/// and written by its owner only.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/paths.h"
#include "base/result.h"
#include "image/catalog.h"

namespace brig::image {

struct Collected {
  std::size_t images = 0;
  std::size_t entries = 0;  ///< of the cache
  std::size_t libraries = 0;
  std::size_t layers = 0;  ///< none while a build goes on, which may need them
  std::size_t builds = 0;  ///< given up
  Bytes bytes{0};
};

/// A folder of one build's own, removed with this object; what a crash leaves is removed by the next prepare().
class BuildFolder {
 public:
  BuildFolder(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  BuildFolder(BuildFolder&& other) noexcept : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
  BuildFolder& operator=(BuildFolder&&) = delete;
  BuildFolder(const BuildFolder&) = delete;
  BuildFolder& operator=(const BuildFolder&) = delete;
  ~BuildFolder();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  Fd lock_;
};

class Store : public Catalog {
 public:
  using Catalog::Catalog;

  /// For whoever is going to write: makes the folders that are missing and removes what builds that died have left.
  /// How many these were; kDenied, with what to do, if the store is somebody else's or others can write to it.
  Result<std::size_t> prepare();

  // What follows needs prepare().

  Result<BuildFolder> new_build();
  /// From now on no owner's templates are made larger together (kExhausted), however many are made at once.
  void limit_owners(Bytes most) { owner_most_ = most; }
  /// Takes the image file `file` (a regular file in a build folder, written to by nobody any more) into the store and
  /// gives it the manifest's name, digest, size and time. The file is gone from its place afterwards. kConflict if the
  /// manifest has an owner and the name is somebody else's. An image that an owner's name stood for goes, as with
  /// remove(): only the machine's own stay for the cache, until gc.
  Result<Template> publish(Manifest manifest, const std::string& file);
  /// Another name for an image that is there already.
  Result<Template> publish_again(Manifest manifest);
  /// The name goes, and the image with its last name. With an `owner`: kDenied unless it is theirs.
  Result<> remove(std::string_view name, std::string_view owner = {});
  /// Everything that nothing points to: images without a name, builds without an owner, and the cache.
  Result<Collected> collect_garbage();

  /// What was made from `key` (a digest), if its image is still there.
  std::optional<Manifest> cached(std::string_view key) const;
  Result<> remember(std::string_view key, const Manifest& manifest);

  /// The folder of changes that the step of that key made once, if it is there.
  [[nodiscard]] std::optional<HostPath> layer(std::string_view key) const;
  /// Takes a folder of changes out of a build folder, in the place of what the step of that key made before.
  Result<HostPath> keep_layer(std::string_view key, const std::string& changes);

  /// Takes a folder of packages out of a build folder, unless the same are there already, and notes what they are.
  Result<InstalledLibrary> keep_library(const Library& library, const std::string& packages);
  /// What was made of a wheel of that name in that folder that was another one than `wheel` is, goes.
  Result<> forget_libraries_of(const std::string& wheels_folder, const Wheel& wheel);

 private:
  Result<Fd> lock() const;
  Result<> write_record(std::string_view folder, std::string_view name, const std::string& text);
  Result<> remove_libraries(Collected& collected);
  Result<std::size_t> remove_dead_builds();
  Result<Template> give_name(Manifest manifest);
  Result<> remove_unused_images(Collected& collected);
  Result<> remove_if_unused(const std::string& image);
  Result<> expect_room(const Manifest& manifest) const;
  Result<> expect_owner(std::string_view name, std::string_view owner, Code otherwise) const;

  std::optional<Bytes> owner_most_;
};

}  // namespace brig::image
