#pragma once
/// pack(): a folder of the caller's as a tar that a sandbox may read, whoever may read its files.
#include <string>

#include "base/paths.h"
#include "base/result.h"

namespace brig::image {

/// `<build>/<name>.tar` with everything in `folder` that lies on its file system. kInvalidArgument, with what the
/// host's tar said, if some of it cannot be read.
Result<std::string> pack(const HostPath& folder, const std::string& build, const std::string& name);

}  // namespace brig::image
