#include "runtimes/process/covered_proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "runtimes/process/compile.h"

namespace brig::runtimes::process {

Result<std::vector<std::string>> covered_proc() {
  const std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> proc(::opendir("/proc"));
  if (proc == nullptr) return Error::last_system("look at /proc");
  const auto shown = proc_shown();
  std::vector<std::string> covered;
  while (const dirent* entry = ::readdir(proc.get())) {  // NOLINT(concurrency-mt-unsafe): one thread, one stream
    const std::string name = entry->d_name;
    if (name.starts_with('.') || (name[0] >= '0' && name[0] <= '9') || entry->d_type == DT_LNK) continue;
    if (std::ranges::find(shown, name) != shown.end()) continue;
    struct stat info = {};
    if (::fstatat(::dirfd(proc.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0)
      return Error::last_system("look at /proc/" + name);
    if ((info.st_mode & S_IROTH) != 0) covered.push_back(name);  // the rest is root's only
  }
  std::ranges::sort(covered);
  return covered;
}

}  // namespace brig::runtimes::process
