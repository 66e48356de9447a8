#pragma once
/// Upload: bytes of a client's on their way to whoever makes templates: a file without a name, gone with its last
/// descriptor.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "base/units.h"

namespace brig::builds {

class Upload {
 public:
  /// In the folder `folder`, of `most` bytes at most.
  static Result<Upload> open(FdRef folder, Bytes most);

  /// kExhausted beyond the bound, or when the disk has little room left. Blocks as a write to a file does.
  Result<> append(std::span<const std::byte> bytes);
  Result<> append(std::string_view bytes) { return append(std::as_bytes(std::span(bytes))); }
  /// Writes over what is there.
  Result<> rewrite(std::uint64_t at, std::string_view bytes);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] FdRef file() const { return file_.ref(); }
  /// The file itself: nothing can be appended any more.
  Fd take() && { return std::move(file_); }

 private:
  Upload(Fd file, Bytes most) : file_(std::move(file)), most_(most) {}
  Result<> write_at(std::uint64_t at, std::span<const std::byte> bytes);

  Fd file_;
  Bytes most_;
  std::uint64_t size_ = 0;
};

}  // namespace brig::builds
