#include "service/capture.h"

#include <algorithm>
#include <cstring>

namespace brig::service {

std::size_t Capture::append(std::span<const std::byte> bytes) {
  const std::size_t to_head = std::min(bytes.size(), head_limit_ - head_size_);
  if (to_head > 0) {
    if (!head_) head_ = std::make_unique_for_overwrite<char[]>(head_limit_);
    std::memcpy(head_.get() + head_size_, bytes.data(), to_head);
    head_size_ += to_head;
  }
  total_ += bytes.size();
  std::span<const std::byte> rest = bytes.subspan(to_head);
  if (rest.empty() || tail_limit_ == 0) return to_head;
  if (!ring_) ring_ = std::make_unique_for_overwrite<char[]>(tail_limit_);
  if (rest.size() > tail_limit_) {
    ring_at_ = (ring_at_ + rest.size() - tail_limit_) % tail_limit_;
    rest = rest.last(tail_limit_);
  }
  const std::size_t first = std::min(rest.size(), tail_limit_ - ring_at_);
  std::memcpy(ring_.get() + ring_at_, rest.data(), first);
  std::memcpy(ring_.get(), rest.data() + first, rest.size() - first);
  ring_at_ = (ring_at_ + rest.size()) % tail_limit_;
  return to_head;
}

std::size_t Capture::tail_size() const {
  return static_cast<std::size_t>(std::min<std::uint64_t>(total_ - head_size_, tail_limit_));
}

std::uint64_t Capture::elided() const { return total_ - head_size_ - tail_size(); }

std::string Capture::tail() const {
  const std::size_t size = tail_size();
  if (size == 0) return {};
  if (size < tail_limit_) return {ring_.get(), size};  // the ring has not gone round
  std::string text(ring_.get() + ring_at_, tail_limit_ - ring_at_);
  text.append(ring_.get(), ring_at_);
  return text;
}

std::string Capture::text() const {
  std::string text(head());
  if (elided() > 0) text += elision_note(elided());
  return text + tail();
}

std::string elision_note(std::uint64_t bytes) { return "\n[… " + std::to_string(bytes) + " bytes elided …]\n"; }

}  // namespace brig::service
