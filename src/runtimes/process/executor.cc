#include "runtimes/process/executor.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/fd.h"
#include "runtimes/process/packing.h"
#include "runtimes/process/plan.h"
#include "runtimes/process/plan_wire.h"
#include "sys/abi.h"

namespace brig::runtimes::process {
namespace {

// Everything about mounts is a bare system call with the kernel's own constants: C libraries know the mount API each in
// its own way.
constexpr unsigned kAtRecursive = 0x8000;    // AT_RECURSIVE, linux/fcntl.h (which conflicts with fcntl.h)
constexpr const char* kTerminalsMax = "64";  // of the few thousand that the machine has in all (kernel.pty.max)
constexpr unsigned kDetach = 2;              // MNT_DETACH, sys/mount.h (which conflicts with linux/mount.h)

alignas(8) char plan_buffer[kMaxPlan];

/// The state of an execution: the new root while it is being built.
struct Room {
  int root = -1;
  int outer = -1;  ///< while `root` is a root inside the root
};

int fail() { return errno != 0 ? errno : EIO; }

/// What a bare system call returned, owned.
Fd owned(long fd) { return Fd(static_cast<int>(fd)); }

/// Sets a mount's attributes on the tree below `mount`.
int set_attributes(int mount, std::uint32_t flags, bool is_recursive) {
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_NOSUID;
  if ((flags & kReadOnly) != 0) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  if ((flags & kNoDevices) != 0) attributes.attr_set |= MOUNT_ATTR_NODEV;
  if ((flags & kNoExec) != 0) attributes.attr_set |= MOUNT_ATTR_NOEXEC;
  const unsigned how = AT_EMPTY_PATH | (is_recursive ? kAtRecursive : 0U);
  return ::syscall(SYS_mount_setattr, mount, "", how, &attributes, sizeof attributes) < 0 ? fail() : 0;
}

/// Attaches a mount at a place that the plan itself made: no component of such a path comes from outside.
int attach(const Room& room, int mount, const char* path) {
  return ::syscall(SYS_move_mount, mount, "", room.root, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? fail() : 0;
}

/// A number as decimal text, for fsconfig.
struct Decimal {
  char text[24];
  explicit Decimal(std::uint64_t value) : text{} {
    char reversed[24];
    std::size_t length = 0;
    do {
      reversed[length++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    for (std::size_t i = 0; i < length; ++i) text[i] = reversed[length - 1 - i];
  }
};

long option(int context, const char* key, const char* value) {
  return ::syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}

/// A new file system, not yet attached; negative on failure.
int finish_mount(int context, unsigned attributes) {
  if (::syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) return -1;
  return static_cast<int>(::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes));
}

int new_tmpfs(std::uint64_t bytes, std::uint32_t inodes, unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV) {
  const Fd context = owned(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC));
  if (!context.is_open() || option(context.get(), "size", Decimal(bytes).text) < 0 ||
      option(context.get(), "nr_inodes", Decimal(inodes).text) < 0 || option(context.get(), "mode", "0755") < 0) {
    return -1;
  }
  return finish_mount(context.get(), attributes);
}

// The steps, in the order of plan.h. Each returns 0 or the errno.

int join_cgroup(std::uint32_t slot) { return ::write(kFirstSlot + static_cast<int>(slot), "0", 1) == 1 ? 0 : fail(); }

int set_identity(std::uint32_t uid, std::uint32_t gid) {
  if (::syscall(SYS_setresgid, gid, gid, gid) < 0) return fail();
  if (::syscall(SYS_setresuid, uid, uid, uid) < 0) return fail();
  return 0;
}

int new_root(Room& room, std::uint64_t bytes, std::uint32_t inodes) {
  room.root = new_tmpfs(bytes, inodes);
  if (room.root < 0) return fail();
  return ::syscall(SYS_move_mount, room.root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 ? fail() : 0;
}

int use_root(Room& room, std::uint32_t slot) {
  room.root = kFirstSlot + static_cast<int>(slot);
  return ::syscall(SYS_move_mount, room.root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 ? fail() : 0;
}

int enter_root(Room& room, const char* path, std::uint64_t bytes, std::uint32_t inodes, std::uint32_t flags) {
  const int inner = new_tmpfs(bytes, inodes, (flags & kNoDevices) != 0 ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV : 0U);
  if (inner < 0) return fail();
  if (const int error = attach(room, inner, path)) return error;
  room.outer = room.root;
  room.root = inner;
  return 0;
}

int leave_root(Room& room) {
  if (room.outer < 0) return EINVAL;
  ::close(room.root);
  room.root = room.outer;
  room.outer = -1;
  return 0;
}

/// Neither call says whether it worked; asking with an impossible id does.
int make_files_as(std::uint32_t uid, std::uint32_t gid) {
  constexpr std::uint32_t kAsk = ~0U;
  ::syscall(SYS_setfsgid, gid);
  ::syscall(SYS_setfsuid, uid);
  const bool is_done = static_cast<std::uint32_t>(::syscall(SYS_setfsgid, kAsk)) == gid &&
                       static_cast<std::uint32_t>(::syscall(SYS_setfsuid, kAsk)) == uid;
  return is_done ? 0 : EPERM;
}

int copy_program(const Room& room, std::uint32_t slot, const char* path) {
  const Fd file(::openat(room.root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0555));
  if (!file.is_open()) return fail();
  off_t at = 0;
  while (true) {
    const ssize_t count = ::sendfile(file.get(), kFirstSlot + static_cast<int>(slot), &at, 1U << 20U);
    if (count < 0) return fail();
    if (count == 0) return 0;
  }
}

int make_folder(const Room& room, const char* path, std::uint32_t mode) {
  return ::mkdirat(room.root, path, mode) < 0 ? fail() : 0;
}

int write_file(const Room& room, const char* path, PackedText text) {
  const Fd file(::openat(room.root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.is_open()) return fail();
  return ::write(file.get(), text.data, text.size) == static_cast<ssize_t>(text.size) ? 0 : fail();
}

int set_kernel_limit(const Room& room, const char* path, PackedText text) {
  const Fd file(::openat(room.root, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) return fail();
  return ::write(file.get(), text.data, text.size) == static_cast<ssize_t>(text.size) ? 0 : fail();
}

constexpr unsigned kCloneTree = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

/// A copy of the mount of a host path, with everything mounted below it; negative on failure. If `inode` is set, what
/// is there must still be that object.
long clone_host(const char* host, std::uint64_t device, std::uint64_t inode) {
  if (inode == 0) return ::syscall(SYS_open_tree, AT_FDCWD, host, kCloneTree | kAtRecursive);
  const Fd source(::open(host, O_PATH | O_CLOEXEC | O_NOFOLLOW));
  if (!source.is_open()) return -1;
  struct stat info = {};
  if (::fstat(source.get(), &info) < 0) return -1;
  if (info.st_dev != device || info.st_ino != inode) {
    errno = ESTALE;
    return -1;
  }
  return ::syscall(SYS_open_tree, source.get(), "", kCloneTree | AT_EMPTY_PATH | kAtRecursive);
}

int bind_host(const Room& room, const char* host, const char* path, std::uint32_t flags, std::uint64_t device,
              std::uint64_t inode) {
  const Fd mount = owned(clone_host(host, device, inode));
  if (!mount.is_open()) return fail();
  if (const int error = set_attributes(mount.get(), flags, true)) return error;
  return attach(room, mount.get(), path);
}

int mount_tmpfs(const Room& room, const char* path, std::uint64_t bytes, std::uint32_t inodes) {
  const Fd mount(new_tmpfs(bytes, inodes));
  return !mount.is_open() ? fail() : attach(room, mount.get(), path);
}

int mount_proc(const Room& room, const char* path) {
  const Fd context = owned(::syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC));
  if (!context.is_open()) return fail();
  const Fd mount(finish_mount(context.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  return !mount.is_open() ? fail() : attach(room, mount.get(), path);
}

int mount_terminals(const Room& room, const char* path) {
  const Fd context = owned(::syscall(SYS_fsopen, "devpts", FSOPEN_CLOEXEC));
  if (!context.is_open() || option(context.get(), "ptmxmode", "0666") < 0 ||
      option(context.get(), "mode", "0600") < 0 || option(context.get(), "max", kTerminalsMax) < 0) {
    return fail();
  }
  const Fd mount(finish_mount(context.get(), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
  return !mount.is_open() ? fail() : attach(room, mount.get(), path);
}

int bind_inside(const Room& room, const char* from, const char* path, std::uint32_t flags) {
  const Fd mount = owned(::syscall(SYS_open_tree, room.root, from, kCloneTree));
  if (!mount.is_open()) return fail();
  if (flags != 0) {
    if (const int error = set_attributes(mount.get(), flags, false)) return error;
  }
  return attach(room, mount.get(), path);
}

/// A mount that hides things: attached first at one place, cloned from there to the next ones.
class Cover {
 public:
  Cover(const Room& room, const char* from, std::uint32_t flags) : room_(room), from_(from), flags_(flags) {}

  int hide(int folder, const char* name) {
    const Fd mount = owned(first_.is_open() ? ::syscall(SYS_open_tree, first_.get(), "", kCloneTree | AT_EMPTY_PATH)
                                            : ::syscall(SYS_open_tree, room_.root, from_, kCloneTree));
    if (!mount.is_open()) return fail();
    if (!first_.is_open() && flags_ != 0) {
      if (const int error = set_attributes(mount.get(), flags_, false)) return error;
    }
    if (::syscall(SYS_move_mount, mount.get(), "", folder, name, MOVE_MOUNT_F_EMPTY_PATH) < 0) return fail();
    if (!first_.is_open()) first_ = Fd(::fcntl(mount.get(), F_DUPFD_CLOEXEC, 0));
    return first_.is_open() ? 0 : fail();
  }

 private:
  const Room& room_;
  const char* from_;
  std::uint32_t flags_;
  Fd first_;
};

struct DirectoryEntry {  // linux_dirent64, getdents64(2)
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

bool contains(Unpacker names, std::uint32_t count, const char* name) {
  for (std::uint32_t i = 0; i < count; ++i) {
    if (__builtin_strcmp(names.text().data, name) == 0) return true;
  }
  return false;
}

/// Reads the names that stay visible from the plan.
int cover_proc(const Room& room, const char* path, Unpacker& plan) {
  const auto count = plan.number<std::uint32_t>();
  const Unpacker shown = plan;
  for (std::uint32_t i = 0; i < count && !plan.is_bad(); ++i) (void)plan.text();
  if (plan.is_bad()) return EBADMSG;
  const Fd proc(::openat(room.root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc.is_open()) return fail();
  // A folder is covered by one that must not become writable; the null device may be written as ever.
  Cover folders(room, "run", kReadOnly | kNoDevices | kNoExec);
  Cover files(room, "dev/null", 0);
  alignas(DirectoryEntry) static char buffer[8192];
  while (true) {
    const long size = ::syscall(SYS_getdents64, proc.get(), buffer, sizeof buffer);
    if (size < 0) return fail();
    if (size == 0) return 0;
    for (long at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->length;
      const char first = entry->name[0];
      if (first == '.' || (first >= '0' && first <= '9') || entry->type == DT_LNK) continue;
      if (contains(shown, count, entry->name)) continue;
      struct stat info = {};
      if (::fstatat(proc.get(), entry->name, &info, AT_SYMLINK_NOFOLLOW) < 0) return fail();
      if ((info.st_mode & S_IROTH) == 0) continue;  // root's only: the sandbox's user cannot open it
      const int error = (S_ISDIR(info.st_mode) ? folders : files).hide(proc.get(), entry->name);
      if (error != 0) return error;
    }
  }
}

int pivot_root(const Room& room) {
  // With both arguments ".", the old root ends up mounted on top of the new one and can be detached from there.
  if (::fchdir(room.root) < 0 || ::syscall(SYS_pivot_root, ".", ".") < 0) return fail();
  if (::syscall(SYS_umount2, ".", kDetach) < 0 || ::chdir("/") < 0) return fail();
  return 0;
}

/// Nothing but read-only: what else the root's mount has, it was made with.
int seal_root(const Room& room) {
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  return ::syscall(SYS_mount_setattr, room.root, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ? fail() : 0;
}

int raise_loopback() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return fail();
  ifreq request = {};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0 ? fail() : 0;
}

int new_session() {
  if (::setsid() < 0) return fail();
  // An anonymous session keyring: without it the launcher's would be inherited (keyrings(7)). ENOSYS: the kernel has no
  // keyrings.
  if (::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS) return fail();
  return 0;
}

/// Keeps those in `kept` (bits), and where there are any, what uid 0 keeps over an exec is the bounding set: these.
int limit_capabilities(std::uint64_t kept) {
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if ((kept >> capability & 1U) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
      if (errno == EINVAL) break;  // past the last one this kernel knows
      return fail();
    }
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return fail();
  constexpr unsigned long kBits =
      SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  constexpr unsigned long kBitsOfNone =
      SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;
  if (::prctl(PR_SET_SECUREBITS, kept == 0 ? kBits | kBitsOfNone : kBits, 0, 0, 0) < 0) return fail();
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  sets[0].effective = sets[0].permitted = static_cast<std::uint32_t>(kept);
  sets[1].effective = sets[1].permitted = static_cast<std::uint32_t>(kept >> 32U);
  return ::syscall(SYS_capset, &header, sets) < 0 ? fail() : 0;
}

/// Reads the rules from the plan as it goes. Needs no_new_privs.
int restrict_files(Unpacker& plan) {
  sys::abi::LandlockRuleset ruleset;
  ruleset.handled_access_fs = plan.number<std::uint64_t>();
  ruleset.scoped = plan.number<std::uint64_t>();
  const auto count = plan.number<std::uint32_t>();
  // Older kernels refuse a larger structure only if the part they do not know is not zero; the compiler of the plan saw
  // to that.
  const Fd rules = owned(::syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0));
  if (!rules.is_open()) return fail();
  for (std::uint32_t i = 0; i < count; ++i) {
    const PackedText path = plan.text();
    const auto access = plan.number<std::uint64_t>();
    if (plan.is_bad()) return EBADMSG;
    const Fd parent(::open(path.data, O_PATH | O_CLOEXEC));
    if (!parent.is_open()) return fail();
    landlock_path_beneath_attr rule = {};
    rule.allowed_access = access;
    rule.parent_fd = parent.get();
    if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0) return fail();
  }
  return ::syscall(SYS_landlock_restrict_self, rules.get(), 0) < 0 ? fail() : 0;
}

int install_seccomp(PackedText bytes) {
  sock_fprog program = {};
  program.len = static_cast<unsigned short>(bytes.size / sizeof(sock_filter));
  // The plan's buffer does not keep the alignment the kernel's structure asks for.
  alignas(sock_filter) static char aligned[kMaxPlan];
  __builtin_memcpy(aligned, bytes.data, bytes.size);
  program.filter = reinterpret_cast<sock_filter*>(aligned);
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? fail() : 0;
}

/// Performs the step at the front of `plan`: 0, or the errno.
int perform(Room& room, Unpacker& plan) {  // NOLINT(readability-function-size): one line a step, nothing to split
  errno = 0;
  const auto text = [&] { return plan.text(); };
  const auto u32 = [&] { return plan.number<std::uint32_t>(); };
  const auto u64 = [&] { return plan.number<std::uint64_t>(); };
  switch (static_cast<Opcode>(plan.number<std::uint8_t>())) {
    case Opcode::kJoinCgroup: return join_cgroup(u32());
    case Opcode::kEnterCgroupNamespace: return ::unshare(CLONE_NEWCGROUP) < 0 ? fail() : 0;
    case Opcode::kSetIdentity: {
      const auto uid = u32();
      return set_identity(uid, u32());
    }
    case Opcode::kDieWithParent: return ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? fail() : 0;
    case Opcode::kMakeMountsPrivate:
      return ::syscall(SYS_mount, nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ? fail() : 0;
    case Opcode::kNewRoot: {
      const auto bytes = u64();
      return new_root(room, bytes, u32());
    }
    case Opcode::kUseRoot: return use_root(room, u32());
    case Opcode::kEnterRoot: {
      const PackedText path = text();
      const auto bytes = u64();
      const auto inodes = u32();
      return enter_root(room, path.data, bytes, inodes, u32());
    }
    case Opcode::kLeaveRoot: return leave_root(room);
    case Opcode::kMakeFilesAs: {
      const auto uid = u32();
      return make_files_as(uid, u32());
    }
    case Opcode::kMakeFolder: {
      const PackedText path = text();
      return make_folder(room, path.data, u32());
    }
    case Opcode::kMakeLink: {
      const PackedText target = text();
      return ::symlinkat(target.data, room.root, text().data) < 0 ? fail() : 0;
    }
    case Opcode::kWriteFile: {
      const PackedText path = text();
      return write_file(room, path.data, text());
    }
    case Opcode::kCopyProgram: {
      const auto slot = u32();
      return copy_program(room, slot, text().data);
    }
    case Opcode::kSetKernelLimit: {
      const PackedText path = text();
      return set_kernel_limit(room, path.data, text());
    }
    case Opcode::kBindHost: {
      const PackedText host = text();
      const PackedText path = text();
      const auto flags = u32();
      const auto device = u64();
      return bind_host(room, host.data, path.data, flags, device, u64());
    }
    case Opcode::kAttachMount: {
      const auto slot = static_cast<int>(u32());
      return attach(room, kFirstSlot + slot, text().data);
    }
    case Opcode::kMountTmpfs: {
      const PackedText path = text();
      const auto bytes = u64();
      return mount_tmpfs(room, path.data, bytes, u32());
    }
    case Opcode::kMountProc: return mount_proc(room, text().data);
    case Opcode::kCoverProc: {
      const PackedText path = text();
      return cover_proc(room, path.data, plan);
    }
    case Opcode::kMountTerminals: return mount_terminals(room, text().data);
    case Opcode::kBindInside: {
      const PackedText from = text();
      const PackedText path = text();
      return bind_inside(room, from.data, path.data, u32());
    }
    case Opcode::kPivotRoot: return pivot_root(room);
    case Opcode::kSealRoot: return seal_root(room);
    case Opcode::kSetHostname: {
      const PackedText name = text();
      return ::sethostname(name.data, name.size) < 0 ? fail() : 0;
    }
    case Opcode::kRaiseLoopback: return raise_loopback();
    case Opcode::kNewSession: return new_session();
    case Opcode::kSetLimit: {
      const auto resource = static_cast<int>(u32());
      rlimit limit = {};
      limit.rlim_cur = u64();
      limit.rlim_max = u64();
      return ::syscall(SYS_prlimit64, 0, resource, &limit, nullptr) < 0 ? fail() : 0;
    }
    case Opcode::kDropCapabilities: return limit_capabilities(0);
    case Opcode::kKeepCapabilities: return limit_capabilities(u64());
    case Opcode::kForbidNewPrivileges: return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? fail() : 0;
    case Opcode::kRestrictFiles: return restrict_files(plan);
    case Opcode::kHideProcess: return ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? fail() : 0;
    case Opcode::kInstallSeccomp: return install_seccomp(text());
  }
  return EBADMSG;
}

/// Exactly `size` bytes from the launcher, or false.
bool read_exactly(char* buffer, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::read(kPlanFd, buffer, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    buffer += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

void report(std::uint32_t step, int os_error) {
  const PlanReport report{.step = step, .os_error = os_error};
  if (::write(kReportFd, &report, sizeof report) != static_cast<ssize_t>(sizeof report)) ::_exit(71);
}

[[noreturn]] void die(std::uint32_t step, int os_error) {
  report(step, os_error);
  ::_exit(71);  // EX_OSERR (sysexits.h)
}

/// Reads the plan, performs it, says so, waits for the word to begin, and closes descriptors from `first_closed` on.
void serve_plan_or_die(unsigned first_closed = static_cast<unsigned>(kChannelFd + 1)) {
  std::uint32_t size = 0;
  if (!read_exactly(reinterpret_cast<char*>(&size), sizeof size) || size > sizeof plan_buffer)
    die(kPlanUnreadable, EBADMSG);
  if (!read_exactly(plan_buffer, size)) die(kPlanUnreadable, EBADMSG);
  const PlanReport done = perform_plan(std::span<const char>(plan_buffer, size));
  if (done.step != kPlanDone) die(done.step, done.os_error);
  report(kPlanDone, 0);
  char go = 0;
  if (!read_exactly(&go, 1)) ::_exit(71);
  ::syscall(SYS_close_range, first_closed, ~0U, 0U);
  ::umask(022);
}

bool write_to(const char* path, const char* text, std::size_t size) {
  const Fd file(::open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  return file.is_open() && ::write(file.get(), text, size) == static_cast<ssize_t>(size);
}

/// One line of an id map: `inside` is `outside`, and no other.
bool write_map(const char* path, std::uint32_t inside, std::uint32_t outside) {
  const Decimal first(inside);
  const Decimal second(outside);
  char line[2 * sizeof first.text + 4];
  std::size_t size = 0;
  for (const char* part : {first.text, " ", second.text, " 1"})
    for (; *part != '\0'; ++part) line[size++] = *part;
  return write_to(path, line, size);
}

/// A user namespace inside the one there is, in which this process is that user and nobody else is mapped.
int enter_user_namespace(std::uint32_t uid, std::uint32_t gid) {
  const uid_t outer_uid = ::getuid();
  const gid_t outer_gid = ::getgid();
  if (::unshare(CLONE_NEWUSER) < 0) return fail();
  // Without capabilities outside, the kernel wants to see setgroups denied before a group is mapped.
  const bool is_mapped = write_to("/proc/self/setgroups", "deny", 4) &&
                         write_map("/proc/self/uid_map", uid, outer_uid) &&
                         write_map("/proc/self/gid_map", gid, outer_gid);
  return is_mapped ? 0 : fail();
}

/// From the three descriptors that every program is started with to those of plan_wire.h.
bool move_descriptors() {
  return ::dup3(STDOUT_FILENO, kChannelFd, O_CLOEXEC) >= 0 && ::dup3(STDIN_FILENO, kPlanFd, O_CLOEXEC) >= 0 &&
         ::dup3(STDIN_FILENO, kReportFd, O_CLOEXEC) >= 0;
}

bool open_null() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return false;
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(null, fd) < 0) return false;
  }
  return ::close(null) == 0;
}

}  // namespace

PlanReport perform_plan(std::span<const char> bytes) {
  const auto mask = ::umask(0);  // the plan's modes are meant as they stand
  Room room;
  Unpacker plan(bytes);
  for (std::uint32_t step = 0; !plan.is_at_end(); ++step) {
    int error = perform(room, plan);
    if (plan.is_bad()) error = EBADMSG;
    if (error != 0) return {.step = step, .os_error = error};
  }
  ::umask(mask);
  return {.step = kPlanDone, .os_error = 0};
}

void execute_plan_or_die() {
  // If the launcher dies before it has sent the plan, the pipe ends and so do we; after that the parent-death signal
  // covers it.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) die(kPlanUnreadable, fail());
  serve_plan_or_die();
}

void execute_inside_or_die() {
  if (!move_descriptors() || !open_null()) die(kPlanUnreadable, fail());
  serve_plan_or_die();
}

void change_identity_or_die(char* program) {
  int error = enter_user_namespace(kInsideUid, kInsideGid);
  if (error == 0) error = limit_capabilities(0);
  if (error == 0) {
    static char mode[] = "inside";
    char* const arguments[] = {program, mode, nullptr};
    char* const environment[] = {nullptr};
    ::execve(program, arguments, environment);
    error = fail();
  }
  const PlanReport failed{.step = kIdentityUnchanged, .os_error = error};
  (void)!::write(STDIN_FILENO, &failed, sizeof failed);
  ::_exit(71);
}

void execute_stdio_or_die() {
  const bool is_moved =
      ::dup3(STDIN_FILENO, kPlanFd, O_CLOEXEC) >= 0 && ::dup3(STDOUT_FILENO, kReportFd, O_CLOEXEC) >= 0;
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (!is_moved || null < 0 || ::dup2(null, STDERR_FILENO) < 0) ::_exit(71);
  serve_plan_or_die(static_cast<unsigned>(STDERR_FILENO + 1));
}

}  // namespace brig::runtimes::process
