#pragma once
/// Capture: the head and the tail of one output stream, in memory that does not grow with it.
///
/// The first half of the limit is kept as it comes, the rest goes through a ring of the other half; what falls out of
/// the ring is counted as elided. Two allocations in a whole life, none per chunk.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/units.h"

namespace brig::service {

class Capture {
 public:
  explicit Capture(Bytes limit) : head_limit_(limit.count - limit.count / 2), tail_limit_(limit.count / 2) {}

  /// Takes the next bytes; returns how many of them, from the start, still belong to the head.
  std::size_t append(std::span<const std::byte> bytes);

  [[nodiscard]] std::uint64_t total() const { return total_; }
  /// Bytes between head() and tail() that are not kept.
  [[nodiscard]] std::uint64_t elided() const;
  [[nodiscard]] std::string_view head() const { return {head_.get(), head_size_}; }
  /// What follows the head, without what was elided.
  [[nodiscard]] std::string tail() const;
  /// Everything kept; where something was elided, a line of its own says how much.
  [[nodiscard]] std::string text() const;

 private:
  [[nodiscard]] std::size_t tail_size() const;

  std::size_t head_limit_;
  std::size_t tail_limit_;
  std::unique_ptr<char[]> head_;
  std::unique_ptr<char[]> ring_;
  std::size_t head_size_ = 0;
  std::size_t ring_at_ = 0;  ///< where the next byte goes
  std::uint64_t total_ = 0;
};

/// "\n[… 1234 bytes elided …]\n"
std::string elision_note(std::uint64_t bytes);

}  // namespace brig::service
