#include "lines.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "async/stream.h"

namespace brig::client {
namespace {

/// What epoll does not take (files, /dev/null) is always ready.
bool may_wait() {
  struct stat info = {};
  if (::fstat(STDIN_FILENO, &info) < 0) return false;
  return S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || ::isatty(STDIN_FILENO) == 1;
}

}  // namespace

std::optional<std::string> InputLines::take() {
  const std::size_t end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    return {};
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  scanned_ = 0;
  return line;
}

Task<std::optional<std::string>> InputLines::next() {
  std::array<char, 65536> piece;
  while (true) {
    if (auto line = take()) {
      if (!is_skipping_) co_return line;
      is_skipping_ = false;
      continue;
    }
    if (is_skipping_) buffer_.clear(), scanned_ = 0;
    if (buffer_.size() > most_) {
      buffer_.clear();
      scanned_ = 0;
      is_skipping_ = true;
      co_return Error(Code::kExhausted, "a line of the input is longer than " + std::to_string(most_) + " bytes");
    }
    if (is_over_) {
      if (buffer_.empty() || is_skipping_) co_return std::nullopt;
      scanned_ = 0;
      co_return std::exchange(buffer_, {});
    }
    if (may_wait()) CO_TRY_VOID(co_await wait_readable(FdRef(STDIN_FILENO)));
    const ssize_t count = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) co_return Error::last_system("read standard input");
    is_over_ = count == 0;
    buffer_.append(piece.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace brig::client
