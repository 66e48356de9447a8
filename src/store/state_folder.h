#pragma once
/// StateFolder: where the daemon keeps what outlives it, held by one process at a time.
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace brig::store {

class StateFolder {
 public:
  /// Makes the folder (and its parents) with mode 0700 if it is missing, and locks it until this object dies.
  /// kInvalidArgument if it is no folder of ours alone: others own it or may enter it (never mended in silence: the
  /// name may be a slip); kUnavailable, naming the process, if another one holds it; kDenied if it cannot be written.
  static Result<StateFolder> open(const std::string& path);

  /// Absolute, without symbolic links.
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  StateFolder(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  Fd lock_;
};

}  // namespace brig::store
