#pragma once
/// Copies: the files of this host that a policy shows, for a wall that cannot show them: each is written into the
/// sandbox before its program starts. What the program does to its copy changes nothing here.
#include <vector>

#include "async/task.h"
#include "base/fd.h"
#include "guest/session.h"
#include "policy/policy.h"

namespace brig::service {

class Copies {
 public:
  Copies() = default;
  /// Opens all of them: later the files of this host may not be reached any more. kUnsupported for what is no file, or
  /// is to be written to.
  static Result<Copies> open(const std::vector<policy::Mount>& mounts);

  [[nodiscard]] bool is_empty() const { return files_.empty(); }
  /// The session outlives the task.
  Task<> write(guest::Session& session) const;

 private:
  struct File {
    Fd contents;
    GuestPath to;
    bool is_program = false;  ///< it may be executed
  };
  std::vector<File> files_;
};

}  // namespace brig::service
