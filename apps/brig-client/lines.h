#pragma once
/// Lines of standard input in a task, whether it is a terminal, a pipe or a file.
#include <optional>
#include <string>

#include "async/task.h"

namespace brig::client {

class InputLines {
 public:
  /// `most`: bytes of a line; what is longer is an error, once, and the rest of that line is skipped.
  explicit InputLines(std::size_t most) : most_(most) {}

  /// The next line without its end; none at the end of the input. kExhausted for one that is too long. May be
  /// cancelled: nothing is lost.
  Task<std::optional<std::string>> next();

 private:
  std::optional<std::string> take();

  std::size_t most_;
  std::string buffer_;
  std::size_t scanned_ = 0;
  bool is_skipping_ = false;
  bool is_over_ = false;
};

}  // namespace brig::client
