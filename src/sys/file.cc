#include "sys/file.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <vector>

namespace brig::sys {
namespace {

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/// MFD_EXEC (Linux 6.3, linux/memfd.h): says that executing is meant, also where vm.memfd_noexec is set. Older kernels
/// refuse the unknown flag and need none.
Result<Fd> make_memfd(const char* name) {
  constexpr unsigned kMfdExec = 0x0010U;
  constexpr unsigned kBase = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Fd memfd(::memfd_create(name, kBase | kMfdExec));
  if (!memfd.is_open() && errno == EINVAL) memfd = Fd(::memfd_create(name, kBase));
  if (!memfd.is_open()) return Error::last_system("create a memory file");
  return memfd;
}

}  // namespace

Result<Fd> open(const std::string& path, int flags, unsigned mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd.is_open()) return Error::last_system("open " + path);
  return fd;
}

Result<std::string> read_all(FdRef fd, std::size_t limit) {
  // Most of what is read is one of the kernel's small files: pieces on the stack, and a text as large as it needs to
  // be.
  std::array<char, 4096> piece;
  std::string text;
  while (true) {
    const ssize_t count = ::read(fd.get(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("read");
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
    if (text.size() > limit)
      return Error(Code::kExhausted, "the file is larger than " + std::to_string(limit) + " bytes");
  }
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const Fd fd = TRY(open(path, O_RDONLY));
  return read_all(fd.ref(), limit).context("read " + path);
}

Result<> write_all(FdRef fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("write");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<> write_file(const std::string& path, std::string_view text) {
  const Fd fd = TRY(open(path, O_WRONLY));
  return write_all(fd.ref(), text).context(path);
}

namespace {

struct Level {
  dev_t device = 0;
  ino_t inode = 0;
  std::string name;  ///< of the folder below it that is being emptied
};

Result<Fd> open_folder(FdRef parent, const char* name) {
  Fd folder(::openat(parent.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.is_open()) return Error::last_system("open a folder");
  return folder;
}

/// Removes what is no folder; the name of the first folder that is found, or none.
Result<std::string> remove_files(FdRef folder) {
  Fd again = TRY(open_folder(folder, "."));
  const std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> list(::fdopendir(again.get()));
  if (list == nullptr) return Error::last_system("list a folder");
  (void)again.release();                                       // the list's now
  while (const dirent* const entry = ::readdir(list.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(folder.get(), name.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno == EISDIR || errno == EPERM) return name;
    return Error::last_system("remove a file");
  }
  return std::string();
}

Result<> empty_folder(Fd folder) {
  std::vector<Level> above;  // names and identities: a tree may be deeper than there are descriptors
  while (true) {
    const std::string name = TRY(remove_files(folder.ref()));
    struct stat info = {};
    if (::fstat(folder.get(), &info) != 0) return Error::last_system("look at a folder");
    if (!name.empty()) {
      Fd below = TRY(open_folder(folder.ref(), name.c_str()));
      above.push_back({.device = info.st_dev, .inode = info.st_ino, .name = name});
      folder = std::move(below);
      continue;
    }
    if (above.empty()) return {};
    Fd parent = TRY(open_folder(folder.ref(), ".."));
    const Level& level = above.back();
    if (::fstat(parent.get(), &info) != 0) return Error::last_system("look at a folder");
    if (info.st_dev != level.device || info.st_ino != level.inode)
      return Error(Code::kInternal, "a folder was moved away while it was emptied");
    if (::unlinkat(parent.get(), level.name.c_str(), AT_REMOVEDIR) != 0) return Error::last_system("remove a folder");
    folder = std::move(parent);
    above.pop_back();
  }
}

}  // namespace

Result<> remove_tree(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  auto emptied = [&]() -> Result<> { return empty_folder(TRY(open_folder(FdRef(AT_FDCWD), path.c_str()))); }();
  if (!emptied) return std::move(emptied).context("remove " + path);
  if (::rmdir(path.c_str()) != 0) return Error::last_system("remove " + path);
  return {};
}

Result<> set_nonblocking(FdRef fd, bool is_nonblocking) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0) return Error::last_system("fcntl");
  const int wanted = is_nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (::fcntl(fd.get(), F_SETFL, wanted) < 0) return Error::last_system("fcntl");
  return {};
}

Result<Fd> sealed_copy(FdRef source, const char* name) {
  struct stat info = {};
  if (::fstat(source.get(), &info) < 0) return Error::last_system("stat");
  Fd memfd = TRY(make_memfd(name));
  off_t offset = 0;
  while (offset < info.st_size) {
    const ssize_t count =
        ::sendfile(memfd.get(), source.get(), &offset, static_cast<std::size_t>(info.st_size - offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("copy into memory");
    if (count == 0) return Error(Code::kInternal, "the file became shorter while it was copied");
  }
  if (::fcntl(memfd.get(), F_ADD_SEALS, kSeals) < 0) return Error::last_system("seal");
  return memfd;
}

}  // namespace brig::sys
