#include "helper.h"

#include <unistd.h>

#include <array>
#include <climits>

namespace brig::cli {

Result<std::string> find_helper(const std::string& name) {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t length = ::readlink("/proc/self/exe", buffer.data(), buffer.size());
  if (length <= 0) return Error::last_system("find Brig's own folder (/proc/self/exe)");
  const std::string self(buffer.data(), static_cast<std::size_t>(length));
  const std::string folder = self.substr(0, self.rfind('/'));
  for (const std::string& path : {folder + "/" + name, folder + "/../libexec/brig/" + name}) {
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return Error(Code::kNotFound, "Brig's helper " + name + " is neither beside " + self +
                                    " nor in ../libexec/brig: install Brig again (cmake --install build/release)");
}

}  // namespace brig::cli
