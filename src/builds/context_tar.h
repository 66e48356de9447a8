#pragma once
/// ContextTar: the files of a Dockerfile's context, as they come one after the other, to a tar.
///
/// Times are zero and modes the same for all, so that the same files are the same tar.
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "builds/upload.h"

namespace brig::builds {

inline constexpr std::size_t kContextPathMost = 1024;
inline constexpr std::size_t kContextPartsMost = 64;  ///< of a path
inline constexpr std::size_t kContextFoldersMost = 20'000;

/// A relative path in its normal form: no "..", no ".", no empty part, no control characters, no backslash,
/// and no more than kContextPartsMost parts.
/// kInvalidArgument, naming it.
Result<> check_context_path(std::string_view path);

class ContextTar {
 public:
  /// Nothing else writes to `upload` until finish().
  explicit ContextTar(Upload& upload) : upload_(upload) {}

  /// Begins a file. kInvalidArgument for a path that check_context_path() refuses, one that was there before, one below
  /// a file; kExhausted for too many folders.
  Result<> begin(std::string_view path);
  Result<> append(std::span<const std::byte> bytes);
  /// Ends the file that was begun.
  Result<> end();
  /// Ends the tar.
  Result<> finish();
  [[nodiscard]] bool is_empty() const { return files_.empty(); }

 private:
  Upload& upload_;
  std::set<std::string, std::less<>> files_;
  std::set<std::string, std::less<>> folders_;  ///< that files lie in
  std::uint64_t header_ = 0;                    ///< where it stands
};

}  // namespace brig::builds
