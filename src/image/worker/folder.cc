#include "image/worker/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

namespace brig::image {

Result<std::vector<FolderEntry>> entries_of(FdRef folder) {
  struct Close {
    void operator()(DIR* open) const { ::closedir(open); }
  };
  Fd own(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));  // with a place of its own
  if (!own.is_open()) return Error::last_system("look into a folder");
  std::unique_ptr<DIR, Close> open(::fdopendir(own.get()));
  if (!open) return Error::last_system("look into a folder");
  (void)own.release();  // closedir closes it
  std::vector<FolderEntry> entries;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());  // NOLINT(concurrency-mt-unsafe): a stream of our own
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_folder = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat status{};
      if (::fstatat(folder.get(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return Error::last_system("look at a file");
      is_folder = S_ISDIR(status.st_mode);
    }
    entries.push_back({.name = std::string(name), .is_folder = is_folder});
  }
  if (errno != 0) return Error::last_system("look into a folder");
  std::ranges::sort(entries, {}, &FolderEntry::name);
  return entries;
}

}  // namespace brig::image
