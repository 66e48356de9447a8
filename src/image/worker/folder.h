#pragma once
/// The entries of one folder, by descriptor.
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace brig::image {

struct FolderEntry {
  std::string name;
  bool is_folder = false;
};

/// By name, so that what is made of them does not depend on the disk's order. `folder` is open for reading.
Result<std::vector<FolderEntry>> entries_of(FdRef folder);

}  // namespace brig::image
