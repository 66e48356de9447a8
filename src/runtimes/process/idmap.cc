#include "runtimes/process/idmap.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sys/file.h"
#include "sys/process.h"

namespace brig::runtimes::process {
namespace {

/// A user namespace with this mapping: what the kernel wants to see for an id-mapped mount (mount_setattr(2)). It is
/// held by a child that waits to be killed.
Result<Fd> make_mapping(IdMapping ids) {
  const pid_t warden = ::getpid();
  auto child = TRY(sys::clone(CLONE_NEWUSER, FdRef()));
  if (!child.has_value()) {
    // It holds copies of all our descriptors: if it outlived a warden that is killed, the sandbox's owner would never
    // hear of the end.
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || ::getppid() != warden) ::_exit(71);
    while (true) ::pause();
  }
  const std::string proc = "/proc/" + std::to_string(child->pid());
  const auto line = [&](std::uint32_t id) { return std::to_string(id) + " " + std::to_string(ids.outside) + " 1"; };
  TRY(sys::write_file(proc + "/uid_map", line(ids.owner)));
  TRY(sys::write_file(proc + "/gid_map", line(ids.group)));
  return sys::open(proc + "/ns/user", O_RDONLY);
}

bool others_may_read(const struct stat& info) {
  const mode_t needed = S_ISDIR(info.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
  return (info.st_mode & needed) == needed;
}

}  // namespace

Result<> map_mount(FdRef mount, IdMapping ids) {
  const Fd mapping = TRY(make_mapping(ids));
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_IDMAP;
  attributes.userns_fd = static_cast<std::uint64_t>(mapping.get());
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
    return Error::last_system("map the owners of its files");
  return {};
}

Result<Fd> make_mount(FdRef source, const LaunchMount& mount, const Asker& asker, std::uint32_t outside_uid) {
  struct stat info = {};
  if (::fstat(source.get(), &info) < 0) return Error::last_system("look at it");
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    return Error(Code::kInvalidArgument, "only files and folders can be shown, not devices, sockets or pipes");
  }
  Fd tree(::open_tree(source.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!tree.is_open()) return Error::last_system("copy the mount");
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (!mount.is_writable) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  Fd mapping;
  if (mount.is_writable || !others_may_read(info)) {
    // A stranger's own ids: the owner's would also open what lies below a folder and is the owner's alone.
    mapping = TRY(make_mapping({.owner = asker.is_own ? info.st_uid : asker.uid,
                                .group = asker.is_own ? info.st_gid : asker.gid,
                                .outside = outside_uid}));
    attributes.attr_set |= MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<std::uint64_t>(mapping.get());
  }
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
    if (mapping.is_open() && errno == EINVAL) {
      return Error(Code::kUnsupported,
                   "only its owner may read it, and its file system cannot map owners: make it readable (chmod o+r), "
                   "or copy it");
    }
    return Error::last_system("set the mount's attributes");
  }
  return tree;
}

}  // namespace brig::runtimes::process
