#pragma once
/// Roots that can be written, for making templates: an overlay of an image, earlier changes, and a folder that takes
/// new ones. The ids inside are a builder's own (compile.h), and the image's files belong to its root.
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtimes/process/image_mount.h"

namespace brig::runtimes::process {

/// Folders of the host, opened for reading.
struct BuildFolders {
  std::vector<Fd> layers;  ///< lowest first
  Fd changes;              ///< has `upper` and `work`
};

/// The root as a mount that hangs nowhere yet. `image` is its lowest layer, if there is one. For root, in the warden,
/// whose mount namespace becomes one of its own.
Result<Fd> make_build_root(const std::optional<Image>& image, const BuildFolders& folders);

}  // namespace brig::runtimes::process
