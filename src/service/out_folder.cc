#include "service/out_folder.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/text.h"

namespace brig::service {
namespace {

constexpr std::size_t kNameMax = 255;

/// Opens the folder `name` of `parent`: one component, no symbolic link, and not out of `parent` even if it is moved
/// meanwhile.
Result<Fd> open_folder(FdRef parent, const std::string& name) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, parent.get(), name.c_str(), &how, sizeof how);
  if (fd >= 0) return Fd(static_cast<int>(fd));
  if (errno == ELOOP || errno == ENOTDIR) {
    return Error(Code::kDenied, "\"" + printable(name) + "\" is in the way and is no folder");
  }
  return Error::last_system("open folder \"" + printable(name) + "\"");
}

Result<Fd> make_folder(FdRef parent, const std::string& name) {
  if (::mkdirat(parent.get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
    return Error::last_system("make folder \"" + printable(name) + "\"");
  }
  return open_folder(parent, name);
}

std::string temporary_name() {
  std::array<unsigned char, 8> random{};
  // Only a name: O_EXCL decides. getrandom() of 8 bytes cannot fail on a booted system.
  if (::getrandom(random.data(), random.size(), 0) < 0) return ".brig-out";
  std::string name = ".brig-out-";
  for (const unsigned char byte : random) {
    constexpr std::string_view kHex = "0123456789abcdef";
    name += kHex[byte >> 4];
    name += kHex[byte & 15];
  }
  return name;
}

/// What a person does about the errno of a folder that cannot be made, opened or written; empty if it is no mistake of
/// theirs.
std::string_view mend_of(int os_error) {
  switch (os_error) {
    case ENOTDIR:
    case EEXIST: return "a file is in the way, give a folder";
    case EACCES:
    case EPERM: return "give a folder that you may write to";
    case EROFS: return "give a folder on a disk that can be written";
    case ENOSPC:
    case EDQUOT: return "make room, or give a folder on another disk";
    case ENOENT:
    case ELOOP:
    case ENAMETOOLONG: return "give another folder";
    default: return "";
  }
}

/// What is wrong with the folder before anything runs.
Error unusable(int os_error, const std::string& doing) {
  const std::string_view mend = mend_of(os_error);
  Error error = Error::system(os_error, doing);
  return mend.empty() ? error : Error(Code::kInvalidArgument, error.message() + ": " + std::string(mend));
}

/// A disk without a free byte or file. Some file systems count neither: their totals are 0.
bool is_full(FdRef folder) {
  struct statvfs about{};
  if (::fstatvfs(folder.get(), &about) != 0) return false;
  return (about.f_blocks > 0 && about.f_bfree == 0) || (about.f_files > 0 && about.f_ffree == 0);
}

}  // namespace

Result<std::vector<std::string_view>> check_guest_name(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    if (part.empty()) return Error(Code::kInvalidArgument, "an empty name, or an absolute path");
    if (part == "." || part == "..") return Error(Code::kInvalidArgument, "a name that leads elsewhere");
    if (part.size() > kNameMax) return Error(Code::kInvalidArgument, "a name over 255 bytes");
    if (!is_utf8(part)) return Error(Code::kInvalidArgument, "a name that is not UTF-8");
    if (printable(part, part.size()) != part) return Error(Code::kInvalidArgument, "a name with control characters");
    if (parts.size() > kOutDepthMax) return Error(Code::kInvalidArgument, "more than 32 folders deep");
    parts.push_back(part);
    start = end + 1;
  }
  return parts;
}

Result<OutFolder> OutFolder::open(const HostPath& path) {
  const std::string& text = path.text();
  for (std::size_t slash = 0; slash != std::string::npos;) {
    slash = text.find('/', slash + 1);
    const std::string folder = text.substr(0, slash);
    if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return unusable(errno, "make folder " + folder);
  }
  Fd folder(::open(text.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return unusable(errno, "open folder " + text);
  if (::faccessat(folder.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) return unusable(errno, "write to folder " + text);
  if (is_full(folder.ref())) return unusable(ENOSPC, "write to folder " + text);
  return OutFolder(path, std::move(folder));
}

Result<OutFolder::Writer> OutFolder::create(std::string_view path) {
  const std::vector<std::string_view> parts = TRY(check_guest_name(path));
  Fd parent(::fcntl(folder_.get(), F_DUPFD_CLOEXEC, 3));
  if (!parent.is_open()) return Error::last_system("duplicate a descriptor");
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) parent = TRY(make_folder(parent.ref(), std::string(parts[i])));
  std::string temporary = temporary_name();
  Fd file(::openat(parent.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return Error::last_system("create a file in " + path_.text());
  return Writer(std::move(parent), std::move(file), std::move(temporary), std::string(parts.back()));
}

OutFolder::Writer::~Writer() {
  if (file_.is_open()) ::unlinkat(parent_.get(), temporary_.c_str(), 0);
}

Result<> OutFolder::Writer::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::last_system("write \"" + printable(name_) + "\" for --out");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<> OutFolder::Writer::finish(bool is_executable) {
  if (::fchmod(file_.get(), is_executable ? 0755 : 0644) != 0)
    return Error::last_system("set the mode of \"" + printable(name_) + "\"");
  if (::renameat(parent_.get(), temporary_.c_str(), parent_.get(), name_.c_str()) != 0) {
    if (errno == EISDIR) return Error(Code::kDenied, "\"" + printable(name_) + "\" is in the way and is a folder");
    return Error::last_system("name \"" + printable(name_) + "\"");
  }
  file_.reset();
  return {};
}

}  // namespace brig::service
