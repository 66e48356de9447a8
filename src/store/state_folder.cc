#include "store/state_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "base/text.h"
#include "sys/file.h"

namespace brig::store {
namespace {

Result<> make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1); true; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return Error::last_system("make the folder " + part);
    if (end == std::string::npos) return {};
  }
}

/// Who could enter the folder could read the hashes, or put another database in its place.
Result<> check_private(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return Error::last_system("look at " + path);
  if (!S_ISDIR(status.st_mode)) return Error(Code::kInvalidArgument, path + " is not a folder");
  if (status.st_uid != ::geteuid()) {
    return Error(Code::kInvalidArgument, "the state folder " + path + " belongs to user " +
                                             std::to_string(status.st_uid) + ", and this is user " +
                                             std::to_string(::geteuid()));
  }
  if ((status.st_mode & 077U) != 0) {
    return Error(Code::kInvalidArgument, "the state folder " + path + " is open to others: chmod 700 " + path);
  }
  return {};
}

/// "process 4711", from what the holder wrote into its lock.
std::string holder(FdRef lock) {
  const auto text = sys::read_all(lock, 32);
  if (!text.has_value() || text->empty()) return "another process";
  return "process " + printable(text->substr(0, text->find('\n')), 20);
}

}  // namespace

Result<StateFolder> StateFolder::open(const std::string& path) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return Error(Code::kInvalidArgument, "the state folder needs a name");
  }
  TRY(make_folders(path));
  std::array<char, PATH_MAX> real{};
  if (::realpath(path.c_str(), real.data()) == nullptr) return Error::last_system("find " + path);
  std::string folder(real.data());
  TRY(check_private(folder));

  Fd lock = TRY(sys::open(folder + "/brig.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  // A lock of the open file, not of the process: a second Store in one process is refused as well.
  struct flock whole{.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (::fcntl(lock.get(), F_OFD_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES) return Error::last_system("lock " + folder);
    return Error(Code::kUnavailable, "the state folder " + folder + " is in use by " + holder(lock.ref()) +
                                         ": stop that daemon, or give this one its own --state-dir");
  }
  // For the sentence above only: the lock itself is the kernel's and goes with the process. A full disk is no reason to
  // refuse, so what writing says does not matter.
  const std::string mine = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.get(), 0) == 0) (void)sys::write_all(lock.ref(), mine).has_value();
  return StateFolder(std::move(folder), std::move(lock));
}

}  // namespace brig::store
