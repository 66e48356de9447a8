#pragma once
/// Patterns of paths: what COPY's sources and .dockerignore are made of. Pure.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace brig::image {

/// Go's filepath.Match over one path: "*" and "?" stay within a component, "[a-z]" and "[^a-z]", "\" takes the next
/// character as it is; and "**" is any number of components. kInvalidArgument for a pattern that would take too long.
Result<bool> matches(std::string_view pattern, std::string_view path);
[[nodiscard]] bool is_pattern(std::string_view text);

/// A .dockerignore: the last line that matches a path, or a folder above it, decides.
class IgnoreList {
 public:
  /// kInvalidArgument if it is too long: what a line of it leaves out must not come along in silence.
  static Result<IgnoreList> parse(std::string_view text);
  Result<bool> ignores(std::string_view path) const;

 private:
  struct Line {
    std::string pattern;
    bool is_exception = false;  ///< "!": what matches is kept
  };
  std::vector<Line> lines_;
};

}  // namespace brig::image
