#include "image/worker/bytes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace brig::image {

Result<> ByteStream::skip(std::uint64_t count) {
  std::array<char, 16384> piece;
  while (count > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(count, piece.size()));
    const std::size_t got = TRY(read_some(std::span(piece).first(wanted)));
    if (got == 0) return Error(Code::kInvalidArgument, "it ends too early");
    count -= got;
  }
  return {};
}

Result<std::size_t> read_full(ByteStream& stream, std::span<char> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const std::size_t got = TRY(stream.read_some(buffer.subspan(filled)));
    if (got == 0) break;
    filled += got;
  }
  return filled;
}

Result<std::string> read_whole(ByteStream& stream, std::size_t limit) {
  std::string text;
  std::array<char, 16384> piece;
  while (true) {
    const std::size_t got = TRY(stream.read_some(piece));
    if (got == 0) return text;
    text.append(piece.data(), got);
    if (text.size() > limit) return Error(Code::kExhausted, "larger than " + std::to_string(limit) + " bytes");
  }
}

Result<FileStream> FileStream::whole(FdRef file) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return Error::last_system("look at a file");
  return FileStream(file, 0, static_cast<std::uint64_t>(status.st_size));
}

Result<std::size_t> FileStream::read_some(std::span<char> buffer) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end_ - at_));
  if (wanted == 0) return std::size_t{0};
  while (true) {
    const ssize_t count = ::pread(file_.get(), buffer.data(), wanted, static_cast<off_t>(at_));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("read");
    at_ += static_cast<std::uint64_t>(count);
    return static_cast<std::size_t>(count);
  }
}

Result<> FileStream::skip(std::uint64_t count) {
  if (count > end_ - at_) return Error(Code::kInvalidArgument, "it ends too early");
  at_ += count;
  return {};
}

Result<std::size_t> TextStream::read_some(std::span<char> buffer) {
  const std::size_t count = std::min(buffer.size(), text_.size());
  std::copy_n(text_.begin(), count, buffer.begin());
  text_.remove_prefix(count);
  return count;
}

}  // namespace brig::image
