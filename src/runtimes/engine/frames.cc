#include "runtimes/engine/frames.h"

#include <algorithm>

namespace brig::runtimes::engine {
namespace {

constexpr std::uint8_t kOutput = 1;
constexpr std::uint8_t kComplaint = 2;

}  // namespace

Result<> Demultiplexer::begin_frame() {
  const bool is_known = header_[0] == kOutput || header_[0] == kComplaint;
  if (!is_known || header_[1] != 0 || header_[2] != 0 || header_[3] != 0)
    return Error(Code::kInvalidArgument, "the engine's stream has a frame of no known kind");
  left_ = 0;
  for (std::size_t i = 4; i < kHeaderSize; ++i) left_ = left_ << 8U | header_[i];
  if (left_ > kFrameMax) return Error(Code::kInvalidArgument, "the engine's stream has a frame that is too long");
  is_output_ = header_[0] == kOutput;
  header_size_ = 0;
  return {};
}

Result<> Demultiplexer::feed(std::span<const std::byte> bytes, std::string& out) {
  while (!bytes.empty()) {
    if (left_ == 0) {
      header_[header_size_++] = static_cast<std::uint8_t>(bytes.front());
      bytes = bytes.subspan(1);
      if (header_size_ == kHeaderSize) TRY(begin_frame());
      continue;
    }
    const std::size_t size = std::min<std::size_t>(left_, bytes.size());
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), size);
    if (is_output_) out += text;
    else complaint_ += text.substr(0, kComplaintMax - std::min(kComplaintMax, complaint_.size()));
    left_ -= static_cast<std::uint32_t>(size);
    bytes = bytes.subspan(size);
  }
  return {};
}

}  // namespace brig::runtimes::engine
