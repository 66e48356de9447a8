#pragma once
/// A folder as the members of one layer.
#include "base/fd.h"
#include "base/result.h"
#include "image/worker/tree.h"

namespace brig::image {

/// Everything in `folder` but what lies on other file systems, links as they are, hard links as such. kDenied, naming
/// it, for a file that cannot be read.
Result<> copy_folder(FdRef folder, Tree& tree);

}  // namespace brig::image
