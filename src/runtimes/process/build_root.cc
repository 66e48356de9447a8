#include "runtimes/process/build_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "runtimes/process/compile.h"
#include "runtimes/process/idmap.h"

namespace brig::runtimes::process {
namespace {

constexpr std::array<const char*, 6> kFoldersAtTop{"dev", "proc", "run", "sys", "tmp", "workspace"};

/// A folder of the host as a mount of its own.
Result<Fd> clone_folder(FdRef folder) {
  Fd tree(::open_tree(folder.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree.is_open()) return Error::last_system("copy the mount of a build's folder");
  return tree;
}

/// A copy of the image's mount in which its files belong to the builder's root.
Result<Fd> lowest_layer(const Image& image) {
  Fd copy = TRY(copy_mount(image));
  TRY(map_mount(copy.ref(), {.owner = 0, .group = 0, .outside = kFirstBuilderId})
          .context("give the image's files to the builder"));
  return copy;
}

Result<> give_to_builder(FdRef folder, const char* name) {
  if (::fchownat(folder.get(), name, kFirstBuilderId, kFirstBuilderId, AT_SYMLINK_NOFOLLOW) < 0)
    return Error::last_system("give " + std::string(name) + " to the builder");
  return {};
}

/// A mount namespace of our own, and in it an empty folder to be in. Nothing of the host's is looked for below /tmp
/// afterwards.
Result<> enter_workshop() {
  if (::unshare(CLONE_NEWNS) < 0) return Error::last_system("make a mount namespace for a build");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) < 0) return Error::last_system("keep mounts apart");
  if (::mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=0700") < 0)
    return Error::last_system("mount a workshop");
  if (::chdir("/tmp") < 0) return Error::last_system("enter the workshop");
  return {};
}

/// An overlay takes nothing that hangs nowhere, and not more than 256 bytes of names (fsconfig(2)).
Result<> hang_up(FdRef tree, const std::string& name) {
  if (::mkdir(name.c_str(), 0700) < 0 ||
      ::move_mount(tree.get(), "", AT_FDCWD, name.c_str(), MOVE_MOUNT_F_EMPTY_PATH) < 0) {
    return Error::last_system("attach a layer of the build");
  }
  return {};
}

Result<Fd> overlay(const std::string& lower, const std::string& changes) {
  const Fd context(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context.is_open()) return Error::last_system("open the file system overlay");
  const auto set = [&](const char* key, const std::string& value) {
    return ::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
  };
  if (!set("lowerdir", lower) || !set("upperdir", changes + "/upper") || !set("workdir", changes + "/work") ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    return Error::last_system("mount the root that is being built");
  }
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!mount.is_open()) return Error::last_system("mount the root that is being built");
  return mount;
}

/// What every sandbox needs at its top, where nothing has it yet. An earlier step may have put links there, which must
/// not lead the plan's mounts elsewhere.
Result<> add_folders(FdRef root) {
  for (const char* name : kFoldersAtTop) {
    struct stat info = {};
    if (::mkdirat(root.get(), name, 0755) == 0) TRY(give_to_builder(root, name));
    else if (errno != EEXIST) return Error::last_system("make /" + std::string(name));
    if (::fstatat(root.get(), name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(info.st_mode))
      return Error(Code::kInvalidArgument, "/" + std::string(name) + " of the root that is being built is no folder");
  }
  return {};
}

}  // namespace

Result<Fd> make_build_root(const std::optional<Image>& image, const BuildFolders& folders) {
  std::vector<Fd> layers;  // the lowest first
  if (image.has_value()) layers.push_back(TRY(lowest_layer(*image)));
  for (const Fd& layer : folders.layers) layers.push_back(TRY(clone_folder(layer.ref())));
  const Fd changes = TRY(clone_folder(folders.changes.ref()));
  TRY(give_to_builder(folders.changes.ref(), "upper"));

  TRY(enter_workshop());
  std::string lower;  // the highest first
  for (std::size_t i = 0; i < layers.size(); ++i) {
    TRY(hang_up(layers[i].ref(), std::to_string(i)));
    lower.insert(0, std::to_string(i) + (i == 0 ? "" : ":"));
  }
  TRY(hang_up(changes.ref(), "changes"));
  Fd root = TRY(overlay(lower, "changes"));
  if (::chdir("/") < 0) return Error::last_system("leave the workshop");
  TRY(add_folders(root.ref()));
  return root;
}

}  // namespace brig::runtimes::process
