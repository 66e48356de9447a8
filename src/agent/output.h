#pragma once
/// Output: the frames that wait to go to the host, in one fixed buffer.
///
/// Who appends must have asked room() before: the loop stops taking commands and reading pipes while there is too
/// little, so the agent never holds more than this buffer for the host, whatever the programs print.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "guest/wire.h"

namespace brig::agent {

/// The exit code for a peer that broke the protocol (EX_SOFTWARE of sysexits.h).
inline constexpr int kBrokenPeer = 70;

/// What carries the host's bytes: a socket for both directions, or a non-blocking pipe for each.
enum class Carrier : std::uint8_t { kSocket, kPipes };

class Output {
 public:
  /// The answer to any one frame fits in this.
  static constexpr std::size_t kReserve = 16 * 1024;

  [[nodiscard]] std::size_t room() const { return buffer_.size() - (end_ - begin_); }
  [[nodiscard]] bool is_empty() const { return begin_ == end_; }

  template <class Message>
  void send(const Message& message, std::uint32_t channel) {
    make_contiguous(kReserve);
    const auto length = guest::encode(message, channel, std::span(buffer_).subspan(end_));
    if (!length.has_value()) std::abort();  // the loop has asked for room; anything else is a bug of ours
    end_ += *length;
  }
  void send_end(std::uint32_t channel, guest::Stream stream);

  /// Where the payload of a Data frame may be read into, at most `limit` bytes; then commit_data() makes it a frame.
  std::span<std::byte> data_room(std::size_t limit);
  void commit_data(std::uint32_t channel, guest::Stream stream, std::size_t length);

  /// Sends what `fd` takes. False if the host is gone.
  [[nodiscard]] bool flush(int fd, Carrier carrier);

 private:
  void make_contiguous(std::size_t wanted);

  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::array<std::byte, 256 * 1024> buffer_;
};

}  // namespace brig::agent
