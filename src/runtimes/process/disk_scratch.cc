#include "runtimes/process/disk_scratch.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "policy/scratch.h"
#include "runtimes/process/loop_device.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::runtimes::process {
namespace {

/// Where large files of no lasting value go (Filesystem Hierarchy Standard, 5.15).
constexpr const char* kFolder = "/var/tmp";
constexpr const char* kMakeFileSystem = "/usr/sbin/mke2fs";
constexpr std::uint64_t kInodeSize = 256;

Result<Fd> sparse_file(std::uint64_t size) {
  Fd file = TRY(sys::open(kFolder, O_TMPFILE | O_RDWR, 0600).context("make the scratch's file"));
  if (::ftruncate(file.get(), static_cast<off_t>(size)) < 0) return Error::last_system("make the scratch's file");
  return file;
}

/// No journal: nothing of it shall survive a crash. Tables are written when they are needed.
Result<> make_file_system(FdRef file, std::uint32_t inodes, std::uint32_t owner) {
  constexpr int kFile = 3;
  const std::string id = std::to_string(owner);
  const std::vector<std::string> arguments{"-q",
                                           "-F",
                                           "-t",
                                           "ext4",
                                           "-b",
                                           "4096",
                                           "-m",
                                           "0",
                                           "-I",
                                           std::to_string(kInodeSize),
                                           "-N",
                                           std::to_string(inodes),
                                           "-O",
                                           "^has_journal,^resize_inode",
                                           "-E",
                                           "lazy_itable_init=1,nodiscard,root_owner=" + id + ":" + id,
                                           "/proc/self/fd/" + std::to_string(kFile)};
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  const std::vector<sys::Inherited> fds{{null.ref(), 0}, {null.ref(), 1}, {null.ref(), 2}, {file, kFile}};
  auto child = TRY(sys::spawn(kMakeFileSystem, arguments, {}, fds));
  const auto end = TRY(child.wait());
  if (end.is_signal || end.value != 0) {
    return Error(Code::kSystem, std::string(kMakeFileSystem) + " could not make the scratch (" +
                                    (end.is_signal ? "signal " : "exit code ") + std::to_string(end.value) +
                                    "): is there room in " + kFolder + "?");
  }
  return {};
}

}  // namespace

bool is_scratch_on_disk(const LaunchRequest& request, const HostReport& host) {
  return host.has_disk_scratch && !request.is_writable &&
         request.disk > policy::scratch_room(request.memory, request.inodes);
}

bool may_make_disk_scratch() {
  return ::access(kMakeFileSystem, X_OK) == 0 && ::access("/dev/loop-control", R_OK | W_OK) == 0;
}

Result<Fd> make_disk_scratch(Bytes bytes, std::uint32_t inodes, std::uint32_t owner) {
  const Fd file = TRY(sparse_file(bytes.count + inodes * kInodeSize));
  TRY(make_file_system(file.ref(), inodes, owner));
  const LoopDevice loop = TRY(attach_loop(file.ref(), LoopAccess::kReadWrite));
  const Fd context(::fsopen("ext4", FSOPEN_CLOEXEC));
  if (!context.is_open() || ::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", loop.path.c_str(), 0) < 0 ||
      ::fsconfig(context.get(), FSCONFIG_SET_STRING, "errors", "remount-ro", 0) < 0 ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
    return Error::last_system("mount the scratch");
  }
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME));
  if (!mount.is_open()) return Error::last_system("mount the scratch");
  return mount;
}

}  // namespace brig::runtimes::process
