#include "agent/upload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

#include "agent/files.h"

namespace brig::agent {
namespace {

/// Names tried for the moment between two system calls.
constexpr int kNamesMax = 100;

void close_if_open(int fd) {
  if (fd >= 0) ::close(fd);
}

}  // namespace

Upload::~Upload() {
  close_if_open(fd_);
  close_if_open(folder_);
}

int Upload::open_in_place(const guest::WriteFile& request, int existing) {
  if (existing < 0) {
    const int exclusive = is_exclusive_ ? O_EXCL : 0;
    return open_regular(PathText(request.path).c_str(), O_WRONLY | O_CREAT | O_TRUNC | exclusive, request.mode, fd_);
  }
  fd_ = existing;
  return ::ftruncate(fd_, 0) == 0 ? 0 : errno;
}

int Upload::open(const guest::WriteFile& request) {
  PathText path(request.path);
  if ((request.flags & guest::WriteFile::kCreateParents) != 0) {
    if (const int error = make_parents(path); error != 0) return error;
  }
  is_exclusive_ = (request.flags & guest::WriteFile::kExclusive) != 0;
  // What is there says no by itself: a folder, a link, a device, a file that we may not write.
  struct stat status{};
  int existing = -1;
  if (is_exclusive_) {
    if (::lstat(path.c_str(), &status) == 0) return EEXIST;
  } else if (const int error = open_regular(path.c_str(), O_WRONLY, 0, existing); error != 0 && error != ENOENT) {
    return error;
  }
  mode_t mode = request.mode;
  if (existing >= 0 && ::fstat(existing, &status) == 0) mode = status.st_mode & 0777;

  char* slash = std::strrchr(path.data(), '/');
  const char* name = slash == nullptr ? path.c_str() : slash + 1;
  const std::size_t length = std::strlen(name);
  if (length == 0 || length > NAME_MAX) return open_in_place(request, existing);  // which says what is wrong
  std::memcpy(name_.data(), name, length + 1);
  if (slash != nullptr) slash[slash == path.data() ? 1 : 0] = '\0';
  folder_ = ::open(slash == nullptr ? "." : path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder_ >= 0) fd_ = ::openat(folder_, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
  if (fd_ < 0 || ::fchmod(fd_, mode) != 0) {
    close_if_open(std::exchange(fd_, -1));
    close_if_open(std::exchange(folder_, -1));
    return open_in_place(request, existing);
  }
  close_if_open(existing);
  return 0;
}

int Upload::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

int Upload::link_as(const char* name) const {
  std::array<char, 32> self;  // by descriptor alone it takes a privilege on most kernels
  (void)std::snprintf(self.data(), self.size(), "/proc/self/fd/%d", fd_);
  return ::linkat(AT_FDCWD, self.data(), folder_, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

/// A link never replaces; a rename does, so the file gets a name for a moment.
int Upload::replace() const {
  static std::uint32_t number = 0;
  std::array<char, NAME_MAX + 1> aside;
  int error = EEXIST;
  for (int i = 0; i < kNamesMax && error == EEXIST; ++i) {
    (void)std::snprintf(aside.data(), aside.size(), "%s%u", kAsidePrefix.data(), ++number);
    error = link_as(aside.data());
  }
  if (error != 0) return error;
  if (::renameat(folder_, aside.data(), folder_, name_.data()) == 0) return 0;
  error = errno;
  (void)::unlinkat(folder_, aside.data(), 0);
  return error;
}

int Upload::finish() {
  if (folder_ >= 0) {
    int error = link_as(name_.data());
    if (error == EEXIST && !is_exclusive_) error = replace();
    if (error != 0) return error;
  }
  return ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR ? 0 : errno;
}

}  // namespace brig::agent
