#pragma once
/// Catalog: the templates of one machine, read. Store (store.h) says how they lie, and writes them.
///
/// Takes no lock and changes nothing: whoever has opened an image keeps it, also when its name goes. Plain, blocking.
#include <string>
#include <string_view>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "image/library.h"
#include "image/manifest.h"

namespace brig::image {

/// A template and where its image file is.
struct Template {
  Manifest manifest;
  HostPath file;
};

/// A name in the store; `trouble` says why it cannot be used, and then `manifest` has nothing but the name.
struct Listed {
  Manifest manifest;
  std::string trouble;
};

class Catalog {
 public:
  /// Looks at nothing yet.
  explicit Catalog(HostPath folder) : folder_(std::move(folder)) {}

  [[nodiscard]] const HostPath& folder() const { return folder_; }

  /// kNotFound with a «did you mean»; kUnavailable if the name is there and its image is not.
  Result<Template> find(std::string_view name) const;
  /// By name, also those that cannot be used.
  Result<std::vector<Listed>> list() const;

  /// The packages `names` (normalised) as they were installed for that base. kNotFound if they were not.
  Result<InstalledLibrary> find_library(std::string_view base, std::vector<std::string> names) const;
  /// Every library that can be used.
  Result<std::vector<InstalledLibrary>> libraries() const;
  /// Where wheels are taken from unless it is said.
  [[nodiscard]] HostPath wheels() const;

 protected:
  [[nodiscard]] std::string path(std::string_view folder, std::string_view name) const;
  [[nodiscard]] std::string image_path(const Manifest& manifest) const;
  Result<InstalledLibrary> read_library(const std::string& path) const;
  Result<Template> read(const std::string& path) const;
  Result<std::vector<std::string>> names_in(std::string_view folder) const;
  [[nodiscard]] Error no_such_template(std::string_view name) const;

 private:
  HostPath folder_;
};

}  // namespace brig::image
