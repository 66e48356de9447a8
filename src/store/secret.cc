#include "store/secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "sys/file.h"
#include "sys/random_bytes.h"

namespace brig::store {
namespace {

Result<> make_secret(const std::string& folder, const std::string& path) {
  std::array<std::byte, kSecretSize> bytes{};
  sys::fill_random(bytes);
  const std::string half = path + ".new";
  if (::unlink(half.c_str()) != 0 && errno != ENOENT) return Error::last_system("remove " + half);
  const Fd file = TRY(sys::open(half, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  TRY(sys::write_all(file.ref(), {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  if (::fsync(file.get()) != 0) return Error::last_system("write " + half);
  if (std::rename(half.c_str(), path.c_str()) != 0) return Error::last_system("rename " + half);
  const Fd parent = TRY(sys::open(folder, O_RDONLY | O_DIRECTORY));
  if (::fsync(parent.get()) != 0) return Error::last_system("write " + folder);
  return {};
}

}  // namespace

Result<std::string> keep_secret(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) return Error::last_system("look at " + path);
    TRY(make_secret(folder, path));
  } else if (!S_ISREG(status.st_mode) || (status.st_mode & 077U) != 0) {
    return Error(Code::kInternal, path + " is not a file of the daemon's alone (chmod 600)");
  }
  const Fd file = TRY(sys::open(path, O_RDONLY | O_NOFOLLOW));
  std::string secret = TRY(sys::read_all(file.ref(), kSecretSize).context(path));
  if (secret.size() != kSecretSize) {
    return Error(Code::kInternal, path + " has not " + std::to_string(kSecretSize) +
                                      " bytes: move it away, and a new one is made; previews signed before end then");
  }
  return secret;
}

}  // namespace brig::store
