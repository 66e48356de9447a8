#include "agent/output.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace brig::agent {

using guest::kHeaderSize;

void Output::make_contiguous(std::size_t wanted) {
  if (begin_ == 0 || buffer_.size() - end_ >= wanted) return;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
}

void Output::send_end(std::uint32_t channel, guest::Stream stream) {
  make_contiguous(kHeaderSize);
  guest::encode_header({.length = 0, .type = guest::Type::kEnd, .stream = stream, .channel = channel},
                       std::span(buffer_).subspan(end_).first<kHeaderSize>());
  end_ += kHeaderSize;
}

std::span<std::byte> Output::data_room(std::size_t limit) {
  limit = std::min({limit, guest::kPayloadMax, room() - kReserve});
  make_contiguous(kHeaderSize + limit);
  return std::span(buffer_).subspan(end_ + kHeaderSize, limit);
}

void Output::commit_data(std::uint32_t channel, guest::Stream stream, std::size_t length) {
  guest::encode_header(
      {.length = static_cast<std::uint32_t>(length), .type = guest::Type::kData, .stream = stream, .channel = channel},
      std::span(buffer_).subspan(end_).first<kHeaderSize>());
  end_ += kHeaderSize + length;
}

bool Output::flush(int fd, Carrier carrier) {
  while (begin_ < end_) {
    const std::byte* const rest = buffer_.data() + begin_;
    const std::size_t size = end_ - begin_;
    const ssize_t sent =
        carrier == Carrier::kSocket ? ::send(fd, rest, size, MSG_DONTWAIT | MSG_NOSIGNAL) : ::write(fd, rest, size);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK;
    }
    begin_ += static_cast<std::size_t>(sent);
  }
  begin_ = end_ = 0;  // start again at the front: small traffic touches only the first pages
  return true;
}

}  // namespace brig::agent
