#include "image/worker/folder_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <utility>

#include "base/text.h"
#include "image/worker/beneath.h"
#include "image/worker/folder.h"
#include "image/worker/member_path.h"

namespace brig::image {
namespace {

class Copy {
 public:
  Copy(Tree& tree, dev_t device) : tree_(tree), device_(device) {}

  Result<> folder(FdRef folder, const std::string& path, std::size_t depth) {
    if (depth > kDepthMost) return Error(Code::kInvalidArgument, "\"" + printable(path, 300) + "\" is too deep");
    auto entries = entries_of(folder);
    if (!entries) return std::move(entries).error().context("\"" + printable(path, 300) + "\"");
    for (const FolderEntry& entry : *entries) {
      const std::string inner = path.empty() ? entry.name : path + "/" + entry.name;
      struct stat status{};
      if (::fstatat(folder.get(), entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        return Error::last_system("look at \"" + printable(inner, 300) + "\"");
      // What is mounted there is no part of it, and neither is its time.
      const bool is_mount = S_ISDIR(status.st_mode) && status.st_dev != device_;
      if (is_mount) status.st_mtim = {};
      TRY(one(folder, entry.name, inner, status));
      if (!S_ISDIR(status.st_mode) || is_mount) continue;
      auto child = open_beneath(folder, entry.name, O_RDONLY | O_DIRECTORY);
      if (!child) return unreadable(inner, std::move(child).error());
      TRY(this->folder(child->ref(), inner, depth + 1));
    }
    return {};
  }

 private:
  static Error unreadable(const std::string& path, Error error) {
    if (error.code() != Code::kDenied) return error;
    return {Code::kDenied, "\"" + printable(path, 300) +
                               "\" may not be read: files must belong to the folder's owner or be readable by all (or "
                               "import a tar of the folder, made by who may read them)"};
  }

  Result<> one(FdRef folder, const std::string& name, const std::string& path, const struct stat& status) {
    Member member{.path = path, .mode = status.st_mode & 07777U, .mtime = status.st_mtim.tv_sec};
    if (S_ISDIR(status.st_mode)) {
      member.type = MemberType::kFolder;
    } else if (S_ISLNK(status.st_mode)) {
      member.type = MemberType::kSymlink;
      std::array<char, kPathMost + 1> target{};
      const ssize_t length = ::readlinkat(folder.get(), name.c_str(), target.data(), target.size());
      if (length < 0) return Error::last_system("read the link \"" + printable(path, 300) + "\"");
      member.target.assign(target.data(), static_cast<std::size_t>(length));
    } else if (S_ISREG(status.st_mode)) {
      return file(folder, name, std::move(member), status);
    } else {
      member.type = S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode) ? MemberType::kDevice : MemberType::kFifo;
    }
    return tree_.add(member, {});
  }

  Result<> file(FdRef folder, const std::string& name, Member member, const struct stat& status) {
    if (status.st_nlink > 1) {
      const auto [first, is_new] = links_.try_emplace({status.st_dev, status.st_ino}, member.path);
      if (!is_new) {
        member.type = MemberType::kHardLink;
        member.target = first->second;
        return tree_.add(member, {});
      }
    }
    auto file = open_beneath(folder, name, O_RDONLY | O_NONBLOCK);
    if (!file) return unreadable(member.path, std::move(file).error());
    const Contents contents = [&file](std::span<char> buffer) -> Result<std::size_t> {
      const ssize_t count = ::read(file->get(), buffer.data(), buffer.size());
      if (count < 0) return Error::last_system("read");
      return static_cast<std::size_t>(count);
    };
    return tree_.add(member, contents);
  }

  Tree& tree_;
  dev_t device_;
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
};

}  // namespace

Result<> copy_folder(FdRef folder, Tree& tree) {
  struct stat status{};
  if (::fstat(folder.get(), &status) != 0) return Error::last_system("look at a folder");
  return Copy(tree, status.st_dev).folder(folder, "", 0);
}

}  // namespace brig::image
