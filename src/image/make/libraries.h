#pragma once
/// install_libraries(): wheels of Python packages to a folder that sandboxes have read-only (image/library.h).
///
/// pip installs them in a sandbox that sees the folder of wheels and one folder to write to, with the Python of the
/// template that they are for; it has no network, so everything that a package needs has to be in the folder. What
/// comes of it is plain files: links are refused, and set-user bits are taken off before anybody else can see them.
#include <optional>
#include <string>
#include <vector>

#include "image/make/import.h"

namespace brig::image {

struct LibraryRequest {
  std::vector<std::string> names;  ///< normalised
  std::optional<Template> image;   ///< none: the host's Python
  HostPath wheels;                 ///< a folder
  bool uses_cache = true;          ///< else also a wheel is taken that is not what it was before
};

struct MadeLibrary {
  InstalledLibrary installed;
  bool is_from_cache = false;
};

/// kNotFound for a folder that is not there; kInvalidArgument with what pip could not do; kConflict for a wheel that is
/// another one than it was under the same name.
Result<MadeLibrary> install_libraries(const Workshop& workshop, Store& store, const LibraryRequest& request);

/// What was installed, of which file of the folder.
struct InstalledPackage {
  std::string name;
  std::string version;
  std::string file;
  bool operator==(const InstalledPackage&) const = default;
};

/// The answer out of the sandbox. kInvalidArgument with its sentence if it says that something is wrong, or with ours.
Result<std::vector<InstalledPackage>> parse_installed(std::string_view text);

/// Below `folder`: every file can be read by all, and is nobody's program with another's rights. kInvalidArgument for
/// anything but files and folders.
Result<> make_plain(FdRef folder);

}  // namespace brig::image
