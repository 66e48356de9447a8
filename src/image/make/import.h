#pragma once
/// import(): an image that somebody made (OCI layout, `docker save`, a tar or a folder of files) to a published
/// template.
///
/// Two sandboxes, one after the other. In the first, brig-worker reads the image and writes a tree of files; in the
/// second, mkfs.erofs makes the image file of that tree. So the file that the kernel is going to mount was made by a
/// program that has not read a byte of the archive's own formats. Neither can see more than its input and its folder.
#include <optional>
#include <string>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "image/make/step.h"
#include "image/manifest.h"
#include "image/store.h"

namespace brig::image {

/// What builds need of this installation.
struct Workshop {
  MakeRuntime make_runtime;
  HostPath worker;        ///< the program brig-worker
  OnLine on_line = {};    ///< what is being done, and what a user's own steps print
  OnLine on_detail = {};  ///< what apt and dpkg print, package by package: for whoever looks for a fault
};

struct ImportRequest {
  HostPath input;
  std::string name;
  std::string image;                               ///< which of several
  std::string shown_source;                        ///< the provenance's source; empty: the input's name
  std::vector<policy::Variable> environment = {};  ///< replaces the image's of the same name
  std::vector<LimitDefault> limits = {};
  std::string description = {};
  std::optional<Provenance> provenance = {};  ///< instead of what the input is
  bool uses_cache = true;
  std::string owner = {};  ///< Manifest::owner
};

struct Imported {
  Template made;
  bool is_from_cache = false;
};

Result<Imported> import(const Workshop& workshop, Store& store, const ImportRequest& request);

/// In a build folder: makes `tree` an image file and returns its path. kNotFound if the host lacks the program for it.
Result<std::string> make_image(const Workshop& workshop, const std::string& build, const std::string& tree,
                               Format format);

/// What decides about the format of images.
struct FormatSupport {
  std::string file_systems;  ///< the kernel's, as /proc/filesystems has them
  bool makes_erofs = false;
  bool makes_squashfs = false;
};
/// EROFS where this host can mount it, else squashfs. kUnsupported if it has the program for neither.
Result<Format> choose_format(const FormatSupport& host);
Result<Format> choose_format();

/// A mount for a step.
Result<policy::Mount> mount(const std::string& from, std::string_view to, policy::Access access);

}  // namespace brig::image
