#pragma once
/// HostPath and GuestPath: absolute, normalised paths in two worlds that must not be confused.
///
/// Confusing them is the classic escape, so neither converts to the other. Both are absolute, have no empty, "." or
/// ".." component, no NUL and no newline, and at most 4095 bytes. A HostPath may contain symbolic links that the kernel
/// resolves; who opens one decides whether it follows them.
#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace brig {

namespace internal {
/// The normal form of an absolute path, or kInvalidArgument naming what is wrong with it.
Result<std::string> normalise_path(std::string_view text, bool is_parent_allowed);
}  // namespace internal

template <class World>
class StrictPath {
 public:
  /// kInvalidArgument for a relative path, a ".." component, NUL, control characters or more than 4095 bytes.
  static Result<StrictPath> parse(std::string_view text) {
    return StrictPath(TRY(internal::normalise_path(text, false)));
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const char* c_str() const { return text_.c_str(); }
  /// The last component; empty for "/".
  [[nodiscard]] std::string_view name() const { return std::string_view(text_).substr(text_.rfind('/') + 1); }
  /// True if this is `other` or lies below it.
  [[nodiscard]] bool is_within(const StrictPath& other) const {
    return text_ == other.text_ || other.text_ == "/" ||
           (text_.starts_with(other.text_) && text_[other.text_.size()] == '/');
  }
  auto operator<=>(const StrictPath&) const = default;

 private:
  explicit StrictPath(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

using HostPath = StrictPath<struct HostWorld>;
using GuestPath = StrictPath<struct GuestWorld>;

/// `text` made absolute against `working_folder` and normalised: "..", "." and doubled slashes are resolved as text.
Result<HostPath> resolve_host_path(std::string_view text, std::string_view working_folder);

}  // namespace brig
