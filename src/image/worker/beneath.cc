#include "image/worker/beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "base/text.h"
#include "image/worker/folder.h"

namespace brig::image {

Result<Fd> open_beneath(FdRef folder, std::string_view path, int flags, unsigned mode, Links links) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC | (links == Links::kRefused ? O_NOFOLLOW : 0U);
  how.mode = mode;
  how.resolve = links == Links::kRefused ? RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
                                         : RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const std::string name(path.empty() ? "." : path);
  while (true) {
    const long fd = ::syscall(SYS_openat2, folder.get(), name.c_str(), &how, sizeof(how));
    if (fd >= 0) return Fd(static_cast<int>(fd));
    if (errno == EINTR || errno == EAGAIN) continue;  // EAGAIN: something was renamed meanwhile
    if (errno == ELOOP && links == Links::kRefused)
      return Error(Code::kInvalidArgument, "\"" + printable(path, 300) + "\" leads through a symbolic link");
    return Error::last_system("open \"" + printable(path, 300) + "\"");
  }
}

Result<bool> empty_folder(FdRef folder, const std::string& path, Keeps keeps, const void* context) {
  bool is_empty = true;
  for (const FolderEntry& entry : TRY(entries_of(folder))) {
    const std::string inner = path.empty() ? entry.name : path + "/" + entry.name;
    const bool is_kept = keeps != nullptr && keeps(context, inner);
    bool is_gone = false;
    if (entry.is_folder) {
      const Fd child = TRY(open_beneath(folder, entry.name, O_RDONLY | O_DIRECTORY));
      is_gone = TRY(empty_folder(child.ref(), inner, keeps, context)) && !is_kept;
      if (is_gone && ::unlinkat(folder.get(), entry.name.c_str(), AT_REMOVEDIR) != 0)
        return Error::last_system("remove \"" + printable(inner, 300) + "\"");
    } else if (!is_kept) {
      if (::unlinkat(folder.get(), entry.name.c_str(), 0) != 0)
        return Error::last_system("remove \"" + printable(inner, 300) + "\"");
      is_gone = true;
    }
    is_empty = is_empty && is_gone;
  }
  return is_empty;
}

}  // namespace brig::image
