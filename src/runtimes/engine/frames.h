#pragma once
/// Frames: a container's output as an engine multiplexes it on an attached connection. Pure.
///
/// A frame is a header of eight bytes (stream, three zeros, length of the payload, big-endian) and the payload. What is
/// in a payload comes from the container and means nothing here; the headers come from the engine, and one that is none
/// ends the stream. Nothing is kept but a header that has not come in full and the first words of the error stream.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace brig::runtimes::engine {

/// Longer payloads are no engine's: they send what one read has given them.
inline constexpr std::uint32_t kFrameMax = std::uint32_t{16} << 20;
inline constexpr std::size_t kComplaintMax = 1000;

class Demultiplexer {
 public:
  /// Appends to `out` what `bytes` have of the standard output. kInvalidArgument for what is no frame: nothing may be
  /// fed after that.
  Result<> feed(std::span<const std::byte> bytes, std::string& out);
  /// The first bytes of the error stream: somebody else's text.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  static constexpr std::size_t kHeaderSize = 8;
  Result<> begin_frame();

  std::array<std::uint8_t, kHeaderSize> header_{};
  std::size_t header_size_ = 0;  ///< of what has come of it
  std::uint32_t left_ = 0;       ///< of the payload
  bool is_output_ = false;
  std::string complaint_;
};

}  // namespace brig::runtimes::engine
