#include "builds/upload.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

namespace brig::builds {
namespace {

/// What uploads leave free of a disk: others live on it.
constexpr std::uint64_t kDiskLeft = std::uint64_t{1} << 30;

}  // namespace

Result<Upload> Upload::open(FdRef folder, Bytes most) {
  Fd file(::openat(folder.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file.is_open()) return Error::last_system("make a file for what is uploaded");
  return Upload(std::move(file), most);
}

Result<> Upload::append(std::span<const std::byte> bytes) {
  if (bytes.size() > most_.count - size_)
    return Error(Code::kExhausted, "what is uploaded is larger than the " + format(most_) + " that it may have");
  struct statvfs disk{};
  if (::fstatvfs(file_.get(), &disk) == 0 && std::uint64_t{disk.f_bavail} * disk.f_frsize < kDiskLeft + bytes.size())
    return Error(Code::kUnavailable, "the daemon's disk has no room for what is uploaded");
  TRY(write_at(size_, bytes));
  size_ += bytes.size();
  return {};
}

Result<> Upload::rewrite(std::uint64_t at, std::string_view bytes) {
  return write_at(at, std::as_bytes(std::span(bytes)));
}

Result<> Upload::write_at(std::uint64_t at, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("keep what is uploaded");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    at += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace brig::builds
