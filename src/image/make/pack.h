#pragma once
/// pack(): a folder of the caller's as a tar that a sandbox may read, whoever may read its files.
#include <string>
#include <vector>

#include "base/paths.h"
#include "base/result.h"

namespace brig::image {

struct PackChoice {
  std::vector<std::string> members = {"."};  ///< names in the folder itself, not paths: no link is followed to them
  std::vector<std::string> without = {};     ///< paths in it, each with all below it
};

/// `<build>/<name>.tar` with what lies in `folder` on its file system. kInvalidArgument, with what the host's tar said,
/// if some of it cannot be read.
Result<std::string> pack(const HostPath& folder, const std::string& build, const std::string& name,
                         const PackChoice& choice = {});

/// A digest of everything in a tar that pack() made but the times of its files. No member's contents are understood.
Result<std::string> digest_without_times(const std::string& tar);

}  // namespace brig::image
