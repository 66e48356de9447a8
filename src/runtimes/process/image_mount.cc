#include "runtimes/process/image_mount.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/text.h"
#include "runtimes/process/loop_device.h"

namespace brig::runtimes::process {
namespace {

/// A template has a dozen; a hostile image must not make plans of thousands of steps.
constexpr std::size_t kTopMost = 48;
/// Images that one launcher keeps mounted.
constexpr std::size_t kImagesMost = 256;

/// What the plan makes itself, whatever the image has there.
constexpr std::array<std::string_view, 6> kOwnFolders{"dev", "proc", "run", "sys", "tmp", "workspace"};

std::string path_of(FdRef file) { return "/proc/self/fd/" + std::to_string(file.get()); }

// The magic numbers in linux/erofs_fs.h and fs/squashfs/squashfs_fs.h.
constexpr std::uint32_t kErofs = 0xE0F5E1E2;
constexpr std::uint32_t kSquashfs = 0x73717368;

/// By the file's magic number: that of EROFS stands behind 1024 bytes, that of squashfs in front.
Result<const char*> format_of(FdRef file) {
  const auto number_at = [&](off_t place) {
    std::uint32_t number = 0;
    return ::pread(file.get(), &number, sizeof number, place) == ssize_t{sizeof number} ? number : 0;
  };
  if (number_at(1024) == kErofs) return "erofs";
  if (number_at(0) == kSquashfs) return "squashfs";
  return Error(Code::kInvalidArgument, "the template's image is neither EROFS nor squashfs");
}

Result<Fd> mount_source(const char* format, const std::string& source) {
  Fd context(::fsopen(format, FSOPEN_CLOEXEC));
  if (!context.is_open() && errno == ENODEV)
    return Error(Code::kUnsupported,
                 "this kernel has no " + std::string(format) + ": load the module (modprobe " + format + ")");
  if (!context.is_open()) return Error::last_system("open the file system " + std::string(format));
  if (::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", source.c_str(), 0) < 0 ||
      ::fsconfig(context.get(), FSCONFIG_SET_FLAG, "ro", nullptr, 0) < 0 ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    return Error::last_system("mount the template's image");
  }
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!mount.is_open()) return Error::last_system("mount the template's image");
  return mount;
}

/// Straight from the file where the kernel can (EROFS since Linux 6.12), else over a loop device.
Result<Fd> mount_file(FdRef file) {
  const char* const format = TRY(format_of(file));
  auto mount = mount_source(format, path_of(file));
  if (mount.has_value() || mount.error().os_error() != ENOTBLK) return mount;
  const LoopDevice device = TRY(attach_loop(file, LoopAccess::kReadOnly));
  return mount_source(format, device.path);
}

bool is_own_folder(std::string_view name) { return std::ranges::find(kOwnFolders, name) != kOwnFolders.end(); }

Result<std::string> link_target(FdRef folder, const char* name) {
  std::array<char, 4096> target;
  const ssize_t length = ::readlinkat(folder.get(), name, target.data(), target.size());
  if (length <= 0 || length == static_cast<ssize_t>(target.size()))
    return Error(Code::kInvalidArgument, "the template's image has an unreadable link at its top");
  return std::string(target.data(), static_cast<std::size_t>(length));
}

}  // namespace

Result<> check_image(const Asker& asker, FdRef file, const HostReport& host) {
  struct stat info = {};
  if (::fstat(file.get(), &info) < 0) return Error::last_system("look at the template's image");
  if (!S_ISREG(info.st_mode)) return Error(Code::kInvalidArgument, "the template's image is not a file");
  if (!host.is_root) return Error(Code::kUnsupported, "only root can mount a template's image");
  if (asker.is_own) return {};
  const int flags = ::fcntl(file.get(), F_GETFL);
  if (flags < 0 || (flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY)
    return Error(Code::kDenied, "the template's image was not opened for reading");
  if (info.st_uid != host.uid || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error(Code::kDenied,
                 "the template's image was not published by the launcher's own user: build or import it as root");
  }
  return {};
}

Result<std::string> published_digest(FdRef file, const HostReport& host) {
  constexpr std::size_t kDigits = 64;
  std::array<char, 4096> place;
  const ssize_t length = ::readlink(path_of(file).c_str(), place.data(), place.size());
  if (length <= 0) return Error::last_system("find the template's image");
  const std::string_view path(place.data(), static_cast<std::size_t>(length));
  struct stat info = {};
  if (::fstat(file.get(), &info) < 0) return Error::last_system("look at the template's image");
  const std::size_t slash = path.rfind('/');
  const std::string_view name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  const std::string_view digest = name.substr(0, name.find('.'));
  const bool is_digest = digest.size() == kDigits && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (info.st_nlink == 0 || !is_digest || slash == std::string_view::npos || slash == 0)
    return Error(Code::kInvalidArgument,
                 "the template's image is not (or no more) where templates are published: " + printable(path, 200));
  struct stat folder = {};
  if (::stat(std::string(path.substr(0, slash)).c_str(), &folder) < 0)
    return Error::last_system("look at the folder of the template's image");
  if (folder.st_uid != host.uid || (folder.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return Error(Code::kDenied, "others can write to the folder of the template's image: " + printable(path, 200));
  return std::string(digest);
}

std::string_view image_format(FdRef mount) {
  struct statfs info = {};
  if (::fstatfs(mount.get(), &info) < 0) return "";
  const auto magic = static_cast<std::uint32_t>(info.f_type);
  if (magic == kErofs) return "erofs";
  return magic == kSquashfs ? "squashfs" : "";
}

Result<Image> ImageMounts::mount_of(FdRef file, const std::string& digest, const HostReport& host) {
  const auto expect = [&digest](std::string_view published) -> Result<> {
    if (published == digest) return {};
    return Error(Code::kDenied, "the template's image is another one than was asked for: it was published as " +
                                    std::string(published));
  };
  struct stat info = {};
  if (::fstat(file.get(), &info) < 0) return Error::last_system("look at the template's image");
  const Object object{.device = info.st_dev, .inode = info.st_ino};
  const auto found = images_.find(object);
  if (found != images_.end()) {
    TRY(expect(found->second.digest));
    return Image{.file = found->second.file.ref(), .mount = found->second.mount.ref()};
  }
  TRY(expect(TRY(published_digest(file, host))));
  forget_removed();
  if (images_.size() >= kImagesMost)
    return Error(Code::kExhausted, "brig-launch has " + std::to_string(kImagesMost) +
                                       " templates mounted already: remove some (brig template rm)");
  Fd mount = TRY(mount_file(file));
  Fd kept(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  if (!kept.is_open()) return Error::last_system("keep the template's image");
  const Image image{.file = kept.ref(), .mount = mount.ref()};
  images_.emplace(object, Kept{.file = std::move(kept), .mount = std::move(mount), .digest = digest});
  return image;
}

/// Templates that were removed: what no name leads to is not asked for again.
void ImageMounts::forget_removed() {
  std::erase_if(images_, [](const auto& image) {
    struct stat info = {};
    return ::fstat(image.second.file.get(), &info) == 0 && info.st_nlink == 0;
  });
}

Result<Fd> copy_mount(const Image& image) {
  Fd copy(::open_tree(image.mount.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!copy.is_open() && errno == EINVAL) return mount_file(image.file);
  if (!copy.is_open()) return Error::last_system("copy the template's mount");
  return copy;
}

Result<std::vector<HostReport::RootEntry>> top_of_image(FdRef image) {
  Fd folder(::openat(image.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto close = [](DIR* list) { ::closedir(list); };
  const std::unique_ptr<DIR, decltype(close)> list(folder.is_open() ? ::fdopendir(folder.get()) : nullptr);
  if (list == nullptr) return Error::last_system("look into the template's image");
  const FdRef top(folder.release());  // the list's now
  std::vector<HostReport::RootEntry> entries;
  bool has_usr = false;
  while (const dirent* const found = ::readdir(list.get())) {
    const std::string name = found->d_name;
    struct stat info = {};
    if (name == "." || name == ".." || is_own_folder(name)) continue;
    const bool is_home = name == "home";
    if (is_home && (::fstatat(top.get(), "home/user", &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(info.st_mode)))
      continue;
    if (::fstatat(top.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0)
      return Error::last_system("look into the template's image");
    if (name == "usr") {
      has_usr = S_ISDIR(info.st_mode);
      continue;
    }
    if (is_home && !S_ISDIR(info.st_mode)) continue;
    HostReport::RootEntry entry{.name = name, .target = {}, .is_file = S_ISREG(info.st_mode)};
    if (S_ISLNK(info.st_mode)) entry.target = TRY(link_target(top, name.c_str()));
    else if (!entry.is_file && !S_ISDIR(info.st_mode)) continue;  // a device, which nodev makes useless anyway
    if (entries.size() == kTopMost || !GuestPath::parse("/" + name).has_value())
      return Error(
          Code::kInvalidArgument,
          "the template's image has too much at its top, or a name that cannot be shown there: " + printable(name, 80));
    entries.push_back(std::move(entry));
  }
  if (!has_usr) return Error(Code::kInvalidArgument, "the template's image has no folder /usr");
  std::ranges::sort(entries, {}, &HostReport::RootEntry::name);
  return entries;
}

}  // namespace brig::runtimes::process
