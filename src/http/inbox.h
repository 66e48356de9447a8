#pragma once
/// Inbox: bytes that have come and have not been used. Part of the room; nothing else uses it.
///
/// Small while nothing happens (4 KiB), because there are thousands of idle connections.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace brig::http {

class Inbox {
 public:
  [[nodiscard]] std::string_view view() const { return {bytes_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool is_empty() const { return begin_ == end_; }
  void consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  /// Free space of at least `least` bytes behind what is there.
  std::span<std::byte> room(std::size_t least) {
    if (capacity_ - end_ < least) make_room(least);
    return std::as_writable_bytes(std::span(bytes_.get() + end_, capacity_ - end_));
  }
  void commit(std::size_t count) { end_ += count; }
  /// Gives memory back that only a busy connection needs.
  void shrink() {
    if (is_empty() && capacity_ > kSmall) {
      bytes_.reset();
      capacity_ = 0;
    }
  }
  /// Moves up to `out.size()` bytes out.
  std::size_t take(std::span<std::byte> out) {
    const std::size_t count = std::min(out.size(), size());
    if (count > 0) std::memcpy(out.data(), bytes_.get() + begin_, count);
    consume(count);
    return count;
  }

 private:
  static constexpr std::size_t kSmall = 4096;

  void make_room(std::size_t least) {
    const std::size_t used = size();
    if (capacity_ - used >= least) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, used);
    } else {
      std::size_t wanted = std::max(capacity_, kSmall);
      while (wanted - used < least) wanted *= 2;
      auto bytes = std::make_unique_for_overwrite<char[]>(wanted);
      if (used > 0) std::memcpy(bytes.get(), bytes_.get() + begin_, used);
      bytes_ = std::move(bytes);
      capacity_ = wanted;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace brig::http
