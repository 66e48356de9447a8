#pragma once
/// Buffer: bytes of a fixed size that are not set to zero first. A zeroed 64 KiB buffer touches sixteen pages of which
/// a small message needs one, and a page that is touched for the first time costs microseconds.
#include <cstddef>
#include <memory>
#include <span>

namespace brig {

class Buffer {
 public:
  explicit Buffer(std::size_t size) : bytes_(std::make_unique_for_overwrite<std::byte[]>(size)), size_(size) {}
  [[nodiscard]] std::span<std::byte> bytes() { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_;
};

}  // namespace brig
