#include "sys/file.h"

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

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
  std::string text;
  std::size_t used = 0;
  while (true) {
    text.resize(std::min(limit + 1, std::max<std::size_t>(used * 2, 4096)));
    if (used == text.size())
      return Error(Code::kExhausted, "the file is larger than " + std::to_string(limit) + " bytes");
    const ssize_t count = ::read(fd.get(), text.data() + used, text.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("read");
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
  }
  if (used > limit) return Error(Code::kExhausted, "the file is larger than " + std::to_string(limit) + " bytes");
  text.resize(used);
  return text;
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
