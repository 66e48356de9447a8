#include "agent/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

namespace brig::agent {
namespace {

/// Entries handled in one turn of the loop, so that a big tree does not hold up the commands.
constexpr int kEntriesPerStep = 64;
/// Acts of one recursive removal. A program that creates files as fast as they are removed must not keep the agent for
/// ever.
constexpr int kRemovalsMax = 1'000'000;

bool g_is_one_device = false;

guest::FileType type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return guest::FileType::kRegular;
    case S_IFDIR: return guest::FileType::kFolder;
    case S_IFLNK: return guest::FileType::kSymlink;
    case S_IFIFO: return guest::FileType::kFifo;
    case S_IFSOCK: return guest::FileType::kSocket;
    case S_IFCHR: return guest::FileType::kCharacterDevice;
    case S_IFBLK: return guest::FileType::kBlockDevice;
    default: return guest::FileType::kUnknown;
  }
}

bool is_dots(const char* name) { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

/// Removes what can be removed in the folder `fd` and returns the name of a folder that is not empty in `left` (else
/// empty).
int remove_contents(int fd, int& budget, std::array<char, NAME_MAX + 1>& left) {
  left[0] = '\0';
  const int copy = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return errno;
  DIR* folder = ::fdopendir(copy);
  if (folder == nullptr) {
    const int error = errno;
    ::close(copy);
    return error;
  }
  int error = 0;
  while (error == 0) {
    errno = 0;
    const dirent* entry = ::readdir(folder);
    if (entry == nullptr) {
      error = errno;
      break;
    }
    if (is_dots(entry->d_name)) continue;
    if (--budget < 0) {
      error = EAGAIN;
    } else if (::unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT) {
      continue;
    } else if (errno != EISDIR) {
      error = errno;
    } else if (::unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
      continue;
    } else if (errno == ENOTEMPTY || errno == EEXIST) {
      (void)std::snprintf(left.data(), left.size(), "%s", entry->d_name);
      break;
    } else {
      error = errno;
    }
  }
  ::closedir(folder);
  return error;
}

/// Empties a folder of any depth with two descriptors: down into a folder that is not empty, up by "..".
int remove_tree(const char* path) {
  int fd = ::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  int budget = kRemovalsMax;
  int depth = 0;
  int error = 0;
  while (error == 0) {
    std::array<char, NAME_MAX + 1> left;
    error = remove_contents(fd, budget, left);
    if (error != 0 || (left[0] == '\0' && depth == 0)) break;
    const bool goes_down = left[0] != '\0';
    const int next = ::openat(fd, goes_down ? left.data() : "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) {
      if (errno != ENOENT || !goes_down) error = errno;
      if (--budget < 0) error = EAGAIN;
      continue;
    }
    ::close(fd);
    fd = next;
    depth += goes_down ? 1 : -1;
  }
  ::close(fd);
  if (error != 0) return error;
  return ::rmdir(path) == 0 ? 0 : errno;
}

}  // namespace

PathText::PathText(std::string_view path) {
  const std::size_t length = path.size() < text_.size() ? path.size() : text_.size() - 1;  // the wire has checked it
  std::memcpy(text_.data(), path.data(), length);
  text_[length] = '\0';
}

int make_parents(PathText& path) {
  char* text = path.data();
  if (*text == '\0') return 0;
  for (char* at = text + 1; *at != '\0'; ++at) {
    if (*at != '/') continue;
    *at = '\0';
    const int made = ::mkdir(text, 0755);
    const int error = errno;
    *at = '/';
    if (made != 0 && error != EEXIST) return error;
  }
  return 0;
}

int open_regular(const char* path, int flags, mode_t mode, int& fd) {
  // O_NONBLOCK so that a FIFO answers instead of blocking.
  fd = ::open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
  if (fd < 0) return errno;
  struct stat status{};
  int error = 0;
  if (::fstat(fd, &status) != 0) {
    error = errno;
  } else if (!S_ISREG(status.st_mode)) {
    error = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
  }
  if (error == 0) return 0;
  ::close(fd);
  fd = -1;
  return error;
}

int open_for_reading(const guest::ReadFile& request, int& fd) {
  const int error = open_regular(PathText(request.path).c_str(), O_RDONLY, 0, fd);
  if (error != 0) return error;
  if (::lseek(fd, static_cast<off_t>(request.offset), SEEK_SET) >= 0) return 0;
  const int refused = errno;
  ::close(fd);
  fd = -1;
  return refused;
}

int make_dir(const guest::MakeDir& request) {
  PathText path(request.path);
  const bool with_parents = (request.flags & guest::MakeDir::kCreateParents) != 0;
  if (with_parents) {
    if (const int error = make_parents(path); error != 0) return error;
  }
  if (::mkdir(path.c_str(), request.mode) == 0) return 0;
  const int error = errno;
  struct stat status{};
  const bool exists = error == EEXIST && ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  return exists && with_parents ? 0 : error;
}

int move(const guest::Move& request) {
  return ::rename(PathText(request.from).c_str(), PathText(request.to).c_str()) == 0 ? 0 : errno;
}

int remove(const guest::Remove& request) {
  const PathText path(request.path);
  if (::unlink(path.c_str()) == 0) return 0;
  if (errno != EISDIR) return errno;
  if (::rmdir(path.c_str()) == 0) return 0;
  if ((errno != ENOTEMPTY && errno != EEXIST) || (request.flags & guest::Remove::kRecursive) == 0) return errno;
  return remove_tree(path.c_str());
}

int change_mode(const guest::Chmod& request) {
  const PathText path(request.path);
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return errno;
  if (S_ISLNK(status.st_mode))
    return ELOOP;  // a program that swaps it now only fools itself: it may chmod the same files
  return ::chmod(path.c_str(), request.mode) == 0 ? 0 : errno;
}

void be_on_one_device() { g_is_one_device = true; }

int describe(int folder, const char* name, std::array<char, guest::kPathMax + 1>& link, guest::Entry& entry) {
  struct stat status{};
  if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno;
  entry.file_type = static_cast<std::uint8_t>(type_of(status.st_mode));
  entry.mode = static_cast<std::uint16_t>(status.st_mode & 07777);
  entry.size = static_cast<std::uint64_t>(status.st_size);
  entry.allocated = static_cast<std::uint64_t>(status.st_blocks) * 512;
  // A program may set any time; one that does not fit in 64 bits of nanoseconds is reported as 1970.
  std::int64_t seconds = 0;
  if (__builtin_mul_overflow(std::int64_t{status.st_mtim.tv_sec}, std::int64_t{1'000'000'000}, &seconds) ||
      __builtin_add_overflow(seconds, std::int64_t{status.st_mtim.tv_nsec}, &entry.mtime_ns)) {
    entry.mtime_ns = 0;
  }
  entry.device = g_is_one_device ? 0 : status.st_dev;
  entry.target = {};
  if (S_ISLNK(status.st_mode)) {
    const ssize_t length = ::readlinkat(folder, name, link.data(), guest::kPathMax);
    if (length > 0) entry.target = {link.data(), static_cast<std::size_t>(length)};
  }
  return 0;
}

ListJob::~ListJob() {
  while (open_levels_ > 0) climb();
}

int ListJob::open(const guest::List& request) {
  depth_ = request.depth;
  entries_left_ = request.max_entries;
  const int fd = ::open(PathText(request.path).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  levels_[0] = {.folder = ::fdopendir(fd), .prefix = 0};
  if (levels_[0].folder == nullptr) {
    ::close(fd);
    return ENOMEM;
  }
  open_levels_ = 1;
  return 0;
}

void ListJob::climb() { ::closedir(levels_[--open_levels_].folder); }

void ListJob::descend(const char* name, std::size_t length) {
  if (open_levels_ > depth_) {
    is_truncated_ = is_truncated_ || depth_ > 0;  // asked for its own entries only: nothing is missing
    return;
  }
  const int fd =
      ::openat(::dirfd(levels_[open_levels_ - 1].folder), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* folder = fd < 0 ? nullptr : ::fdopendir(fd);
  if (folder == nullptr) {
    if (fd >= 0) ::close(fd);
    is_truncated_ = true;  // it exists and may not be read
    return;
  }
  levels_[open_levels_++] = {.folder = folder, .prefix = length};
}

/// False if the listing must stop here.
bool ListJob::emit(const char* name, std::uint32_t channel, std::uint32_t& window, Output& output) {
  const Level level = levels_[open_levels_ - 1];
  const std::size_t name_length = std::strlen(name);
  const std::size_t start = level.prefix == 0 ? 0 : level.prefix + 1;
  if (start + name_length > guest::kPathMax) {
    is_truncated_ = true;
    return true;
  }
  if (level.prefix != 0) path_[level.prefix] = '/';
  std::memcpy(path_.data() + start, name, name_length);
  std::array<char, guest::kPathMax + 1> link;
  guest::Entry entry;
  if (describe(::dirfd(level.folder), name, link, entry) != 0) return true;  // gone meanwhile
  entry.path = {path_.data(), start + name_length};
  const std::size_t before = output.room();
  if (entries_left_ == 0 || bytes_left_ < kEntryRoom) {
    is_truncated_ = true;
    return false;
  }
  output.send(entry, channel);
  const std::size_t payload = before - output.room() - guest::kHeaderSize;
  --entries_left_;
  bytes_left_ -= payload;
  window -= static_cast<std::uint32_t>(payload);
  if (entry.file_type == static_cast<std::uint8_t>(guest::FileType::kFolder)) descend(name, start + name_length);
  return true;
}

bool ListJob::step(std::uint32_t channel, std::uint32_t& window, Output& output) {
  for (int i = 0; i < kEntriesPerStep; ++i) {
    if (open_levels_ == 0) return true;
    if (window < kEntryRoom || output.room() < 2 * Output::kReserve) return false;
    const dirent* entry = ::readdir(levels_[open_levels_ - 1].folder);
    if (entry == nullptr) {
      climb();
    } else if (!is_dots(entry->d_name) && !emit(entry->d_name, channel, window, output)) {
      return true;
    }
  }
  return open_levels_ == 0;
}

}  // namespace brig::agent
