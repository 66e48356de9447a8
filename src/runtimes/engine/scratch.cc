#include "runtimes/engine/scratch.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "runtimes/process/compile.h"
#include "sys/file.h"

namespace brig::runtimes::engine {
namespace {

const std::string kTop = "/run/brig";
const std::string kPrefix = "engine-";

/// Only root may look into it: what hangs there is a sandbox's.
Result<> make_top() {
  if (::mkdir(kTop.c_str(), 0755) < 0 && errno != EEXIST) return Error::last_system("make " + kTop);
  struct stat info = {};
  if (::lstat(kTop.c_str(), &info) < 0) return Error::last_system("look at " + kTop);
  if (S_ISDIR(info.st_mode) && info.st_uid == 0 && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return Error(Code::kDenied, kTop + " is not a folder that only root can write: remove it");
}

Result<> make_part(const std::string& path, std::uint32_t mode) {
  const bool is_made = ::mkdir(path.c_str(), mode) == 0 && ::chmod(path.c_str(), mode) == 0 &&
                       ::chown(path.c_str(), process::kInsideUid, process::kInsideGid) == 0;
  if (!is_made) return Error::last_system("make the scratch folder " + path);
  return {};
}

void unmount(const std::string& folder) {
  (void)::umount2(folder.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  (void)::rmdir(folder.c_str());
}

}  // namespace

Result<Scratch> Scratch::make(const Tree& tree, const std::string& name) {
  TRY(make_top());
  Scratch scratch;
  const std::string folder = kTop + "/" + kPrefix + name;
  if (::mkdir(folder.c_str(), 0700) < 0) return Error::last_system("make " + folder);
  scratch.folder_ = folder;
  // The file and the folders that are not the guest's take a few inodes and a page.
  const std::string options = "mode=0700,size=" + std::to_string(tree.bytes + kibibytes(64).count) +
                              ",nr_inodes=" + std::to_string(tree.inodes + tree.scratch.size() + 2);
  if (::mount("brig", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) < 0)
    return Error::last_system("mount the scratch at " + folder);
  struct stat info = {};
  if (::stat(folder.c_str(), &info) < 0) return Error::last_system("look at " + folder);
  scratch.device_ = info.st_dev;
  for (const Tree::Scratch& part : tree.scratch) TRY(make_part(folder + "/" + part.from, part.mode));
  const Fd stat = TRY(sys::open(folder + "/stat", O_WRONLY | O_CREAT | O_EXCL, 0444));
  TRY(sys::write_all(stat.ref(), tree.quiet_stat));
  return scratch;
}

Scratch::Scratch(Scratch&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), device_(std::exchange(other.device_, 0)) {}

Scratch& Scratch::operator=(Scratch&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(device_, other.device_);
  return *this;
}

Scratch::~Scratch() {
  if (!folder_.empty()) unmount(folder_);
}

void sweep_scratch(const std::function<bool(const std::string& name)>& is_dead) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(kTop, none)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kPrefix) && is_dead(name.substr(kPrefix.size()))) unmount(entry.path());
  }
}

}  // namespace brig::runtimes::engine
