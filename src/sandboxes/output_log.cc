#include "sandboxes/output_log.h"

#include <algorithm>
#include <cstring>

#include "service/capture.h"

namespace brig::sandboxes {

void OutputLog::append(std::span<const std::byte> bytes) {
  const bool is_whole = dropped() == 0;
  total_ += bytes.size();
  if (!is_whole) return;
  if (blocks_.empty()) {
    const std::size_t to_memory = std::min(bytes.size(), kMemoryMax - memory_.size());
    memory_.append(reinterpret_cast<const char*>(bytes.data()), to_memory);
    kept_ += to_memory;
    bytes = bytes.subspan(to_memory);
    if (bytes.empty() || !leave_memory()) return;
  }
  kept_ += spool(kept_, bytes);
}

void OutputLog::close() {
  if (memory_.size() <= kSmall || !leave_memory()) memory_.shrink_to_fit();
}

/// Whether all of it is in the spool now; else it is where it was.
bool OutputLog::leave_memory() {
  if (spool(0, std::as_bytes(std::span(memory_))) < memory_.size()) {
    spool_->give_back(std::exchange(blocks_, {}));
    return false;
  }
  memory_ = {};
  return true;
}

/// How much of it there was room for.
std::size_t OutputLog::spool(std::uint64_t offset, std::span<const std::byte> bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const std::uint64_t at = offset + written;
    const std::size_t inside = at % Spool::kBlock;
    if (at / Spool::kBlock == blocks_.size()) {
      const auto block = spool_->take();
      if (!block) break;
      blocks_.push_back(*block);
    }
    const auto piece = bytes.subspan(written, std::min(bytes.size() - written, Spool::kBlock - inside));
    const std::size_t count = spool_->write(blocks_[at / Spool::kBlock], inside, piece);
    written += count;
    if (count < piece.size()) break;
  }
  return written;
}

Result<std::size_t> OutputLog::read(std::uint64_t offset, std::span<std::byte> buffer) const {
  if (offset >= kept_ || buffer.empty()) return std::size_t{0};
  auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), kept_ - offset));
  if (blocks_.empty()) {
    std::memcpy(buffer.data(), memory_.data() + offset, size);
    return size;
  }
  const std::size_t inside = offset % Spool::kBlock;
  size = std::min(size, Spool::kBlock - inside);
  TRY(spool_->read(blocks_[offset / Spool::kBlock], inside, buffer.first(size)));
  return size;
}

Result<std::string> OutputLog::slice(std::uint64_t offset, std::uint64_t size) const {
  std::string text(static_cast<std::size_t>(size), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const auto rest = std::as_writable_bytes(std::span(text)).subspan(filled);
    const std::size_t count = TRY(read(offset + filled, rest));
    if (count == 0) break;
    filled += count;
  }
  text.resize(filled);
  return text;
}

Result<OutputLog::Text> OutputLog::text(std::uint64_t limit) const {
  if (total_ <= limit && dropped() == 0) return Text{.text = TRY(slice(0, total_))};
  const std::uint64_t tail = std::min(limit / 2, kept_);
  const std::uint64_t head = std::min(limit - limit / 2, kept_ - tail);
  Text text{.text = TRY(slice(0, head)), .elided = total_ - head - tail};
  const std::string end = TRY(slice(kept_ - tail, tail));
  // What was dropped lies after the tail that is left, what the limit cuts lies before it.
  if (const std::uint64_t cut = kept_ - head - tail; cut > 0) text.text += service::elision_note(cut);
  text.text += end;
  if (dropped() > 0) text.text += service::elision_note(dropped());
  return text;
}

}  // namespace brig::sandboxes
