#pragma once
/// ByteStream: bytes that come in order, from a file, a part of one, or what a decoder makes of others.
///
/// Runs in brig-worker: everything here reads what somebody else made, blocks, and has no part in the daemon.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace brig::image {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Fills as much of `buffer` as it likes, at least one byte; 0 is the end.
  virtual Result<std::size_t> read_some(std::span<char> buffer) = 0;
  /// Leaves out `count` bytes. kInvalidArgument if there are fewer.
  virtual Result<> skip(std::uint64_t count);
};

/// Exactly `buffer.size()` bytes, or fewer at the end.
Result<std::size_t> read_full(ByteStream& stream, std::span<char> buffer);
/// Everything that is left; kExhausted for more than `limit`.
Result<std::string> read_whole(ByteStream& stream, std::size_t limit);

/// A part of a file, which outlives it. Skipping costs nothing.
class FileStream final : public ByteStream {
 public:
  FileStream(FdRef file, std::uint64_t begin, std::uint64_t end) : file_(file), at_(begin), end_(end) {}
  static Result<FileStream> whole(FdRef file);
  Result<std::size_t> read_some(std::span<char> buffer) override;
  Result<> skip(std::uint64_t count) override;

 private:
  FdRef file_;
  std::uint64_t at_;
  std::uint64_t end_;
};

/// A text in memory, which outlives it.
class TextStream final : public ByteStream {
 public:
  explicit TextStream(std::string_view text) : text_(text) {}
  Result<std::size_t> read_some(std::span<char> buffer) override;

 private:
  std::string_view text_;
};

}  // namespace brig::image
