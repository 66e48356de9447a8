#include "runtimes/process/seccomp_profile.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <vector>

namespace brig::runtimes::process {
namespace {

constexpr AllowRule kAllow[] = {
    {"read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 close close_range lseek dup dup2 dup3 "
     "pipe pipe2 "
     "fsync fdatasync sync_file_range fadvise64 readahead flock ftruncate truncate fallocate sendfile "
     "copy_file_range "
     "splice tee",
     "bytes in and out of files the sandbox already holds or may open"},
    {"open openat openat2 creat access faccessat faccessat2 stat lstat fstat newfstatat statx statfs fstatfs readlink "
     "readlinkat "
     "getdents getdents64 getcwd chdir fchdir",
     "looking at files; what there is to see is decided by the mounts and Landlock"},
    {"mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat chmod fchmod "
     "fchmodat fchmodat2 "
     "chown fchown lchown fchownat utime utimes utimensat futimesat umask getxattr lgetxattr fgetxattr listxattr "
     "llistxattr "
     "flistxattr setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr",
     "changing files in the scratch; ids other than its own are not mapped, and set-id bits are dead (nosuid, "
     "no_new_privs)"},
    {"mmap munmap mprotect mremap madvise msync mincore brk mlock mlock2 munlock mlockall munlockall membarrier "
     "memfd_create "
     "pkey_alloc pkey_free pkey_mprotect get_mempolicy set_mempolicy mbind",
     "memory of its own, bounded by the cgroup and by limits"},
    {"fork vfork execve execveat exit exit_group wait4 waitid getpid getppid gettid getpgid getpgrp setpgid getsid "
     "setsid "
     "set_tid_address set_robust_list get_robust_list rseq getcpu",
     "processes of its own; their number is bounded"},
    {"kill tkill tgkill pidfd_open pidfd_send_signal rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending "
     "rt_sigsuspend "
     "rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack signalfd signalfd4 restart_syscall pause",
     "signals reach only the sandbox's own pid namespace"},
    {"futex futex_waitv nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times getitimer "
     "setitimer alarm "
     "timer_create timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime "
     "timerfd_gettime",
     "waiting and reading clocks; setting a clock is not in here"},
    {"poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd "
     "eventfd2",
     "event loops"},
    {"inotify_init inotify_init1 inotify_rm_watch",
     "waiting for changes of files, the agent's as well; the plan limits instances and watches"},
    {"bind listen accept accept4 connect getsockname getpeername sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg "
     "shutdown getsockopt",
     "sockets once made (see socket); the network namespace has only loopback"},
    {"getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid "
     "setfsuid "
     "setfsgid capget capset",
     "identity: one id is mapped and there are no capabilities, so nothing can be gained"},
    {"getrlimit getrusage sysinfo uname getpriority setpriority sched_yield sched_getaffinity "
     "sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_getattr "
     "sched_setattr "
     "sched_get_priority_min sched_get_priority_max sched_rr_get_interval ioprio_get ioprio_set",
     "asking about and lowering its own share; hard limits cannot be raised without a capability"},
    {"shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink "
     "mq_timedsend "
     "mq_timedreceive mq_notify mq_getsetattr",
     "System V and POSIX messages in an ipc namespace of its own"},
    {"getrandom", "random bytes"},
    {"arch_prctl set_thread_area get_thread_area", "thread-local storage"},
    {"landlock_create_ruleset landlock_add_rule landlock_restrict_self", "a program may confine itself further"},
};

// include/uapi/asm-generic/ioctls.h and friends: terminals, non-blocking flags, file clones. Everything else a device
// might offer is refused, TIOCSTI (types into the terminal of another session) and TIOCLINUX (pastes into the console)
// above all.
constexpr std::uint64_t kIoctls[] = {
    TCGETS,
    TCSETS,
    TCSETSW,
    TCSETSF,
    TCGETA,
    TCSETA,
    TCSETAW,
    TCSETAF,
    TCSBRK,
    TCXONC,
    TCFLSH,
    TCSBRKP,
    TIOCGWINSZ,
    TIOCSWINSZ,
    TIOCGPGRP,
    TIOCSPGRP,
    TIOCGSID,
    TIOCSCTTY,
    TIOCNOTTY,
    TIOCEXCL,
    TIOCNXCL,
    TIOCOUTQ,
    TIOCGPTN,
    TIOCSPTLCK,
    TIOCGPTLCK,
    TIOCGPTPEER,
    TIOCGETD,
    TIOCMGET,
    TIOCPKT,
    FIONREAD,
    FIONBIO,
    FIOASYNC,
    FIOCLEX,
    FIONCLEX,
    SIOCGIFCONF,
    SIOCGIFFLAGS,
    SIOCGIFADDR,
    SIOCGIFNETMASK,
    SIOCGIFBRDADDR,
    SIOCGIFMTU,
    SIOCGIFINDEX,
    SIOCGIFNAME,
    SIOCGIFHWADDR,
    0x40049409 /* FICLONE, linux/fs.h */,
    0x4020940d /* FICLONERANGE */,
    0x80086601 /* FS_IOC_GETFLAGS */,
    0x5441 /* TIOCGPTPEER of x86 */,
};

// include/uapi/linux/prctl.h: naming, asking, and what only takes away.
constexpr std::uint64_t kPrctls[] = {
    PR_SET_NAME,
    PR_GET_NAME,
    PR_SET_PDEATHSIG,
    PR_GET_PDEATHSIG,
    PR_SET_DUMPABLE,
    PR_GET_DUMPABLE,
    PR_CAPBSET_READ,
    PR_SET_NO_NEW_PRIVS,
    PR_GET_NO_NEW_PRIVS,
    PR_GET_SECCOMP,
    PR_SET_TIMERSLACK,
    PR_GET_TIMERSLACK,
    PR_SET_CHILD_SUBREAPER,
    PR_GET_CHILD_SUBREAPER,
    PR_SET_THP_DISABLE,
    PR_GET_THP_DISABLE,
    PR_GET_TID_ADDRESS,
    PR_GET_SECUREBITS,
    PR_GET_KEEPCAPS,
    0x53564d41 /* PR_SET_VMA: naming anonymous memory (glibc, jemalloc) */,
};

/// Builds the rules whose only test is "the low 32 bits of argument N are V".
class OneOf {
 public:
  OneOf(std::string_view call, std::uint32_t index, std::span<const std::uint64_t> values, std::string_view why) {
    tests_.reserve(values.size());
    for (std::uint64_t value : values) tests_.push_back({index, 0xffffffff, value});
    for (const ArgumentTest& test : tests_) rules_.push_back({call, std::span(&test, 1), why});
  }
  [[nodiscard]] const std::vector<AllowIfRule>& rules() const { return rules_; }

 private:
  std::vector<ArgumentTest> tests_;
  std::vector<AllowIfRule> rules_;
};

/// Options of one level of setsockopt: (option & mask) == value, which takes a few neighbours at once.
struct Options {
  std::uint64_t level;
  std::uint64_t mask;
  std::uint64_t value;
};
constexpr std::uint64_t kExactly = 0xffffffff;
constexpr std::uint64_t kPair = kExactly - 1;
constexpr std::uint64_t kFour = kExactly - 3;
constexpr std::uint64_t kEight = kExactly - 7;
constexpr std::uint64_t kSixteen = kExactly - 15;

// What socket libraries set. Not in here, and so not in the kernel's reach: programs for packets (SO_ATTACH_*), other
// protocols below a socket (TCP_ULP), source routes and headers by hand, multicast source filters, segmentation
// offload.
constexpr Options kOptions[] = {
    {SOL_SOCKET, kSixteen, 0},            // SO_REUSEADDR … SO_REUSEPORT (asm-generic/socket.h)
    {SOL_SOCKET, kEight, SO_PASSCRED},    // … SO_RCVTIMEO, SO_SNDTIMEO
    {SOL_SOCKET, kPair, 24},              // SO_BINDTODEVICE
    {SOL_SOCKET, kFour, SO_PEERNAME},     // SO_TIMESTAMP
    {SOL_SOCKET, kFour, SO_SNDBUFFORCE},  // SO_TIMESTAMPNS; the forced sizes need a capability
    {SOL_SOCKET, kFour, SO_RXQ_OVFL},     // SO_PEEK_OFF
    {SOL_SOCKET, kPair, 66},              // SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW
    {IPPROTO_IP, kFour, 0},               // IP_TOS, IP_TTL
    {IPPROTO_IP, kEight, IP_PKTINFO},     // IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTTL, IP_RECVTOS, IP_FREEBIND
    {IPPROTO_IP, kPair, IP_BIND_ADDRESS_NO_PORT},
    {IPPROTO_IP, kFour, IP_MULTICAST_IF},  // IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_ADD_MEMBERSHIP
    {IPPROTO_IP, kExactly, IP_DROP_MEMBERSHIP},
    {IPPROTO_IP, kExactly, IP_MULTICAST_ALL},
    {IPPROTO_IPV6, kFour, IPV6_UNICAST_HOPS},    // IPV6_MULTICAST_*
    {IPPROTO_IPV6, kPair, IPV6_ADD_MEMBERSHIP},  // IPV6_DROP_MEMBERSHIP
    {IPPROTO_IPV6, kExactly, IPV6_MTU_DISCOVER},
    {IPPROTO_IPV6, kPair, IPV6_MTU},  // IPV6_RECVERR
    {IPPROTO_IPV6, kExactly, IPV6_V6ONLY},
    {IPPROTO_IPV6, kExactly, IPV6_MULTICAST_ALL},
    {IPPROTO_IPV6, kExactly, IPV6_RECVPKTINFO},
    {IPPROTO_IPV6, kExactly, IPV6_RECVHOPLIMIT},
    {IPPROTO_IPV6, kExactly, IPV6_DONTFRAG},
    {IPPROTO_IPV6, kPair, IPV6_RECVTCLASS},  // IPV6_TCLASS
    {IPPROTO_TCP, kEight, 0},                // TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_KEEP*, TCP_SYNCNT
    {IPPROTO_TCP, kFour, TCP_LINGER2},       // TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP
    {IPPROTO_TCP, kExactly, TCP_QUICKACK},
    {IPPROTO_TCP, kExactly, TCP_USER_TIMEOUT},
    {IPPROTO_TCP, kExactly, TCP_FASTOPEN},
    {IPPROTO_TCP, kExactly, TCP_NOTSENT_LOWAT},
    {IPPROTO_TCP, kExactly, TCP_FASTOPEN_CONNECT},
    {IPPROTO_UDP, kExactly, UDP_CORK},
};

/// Builds the rules for setsockopt.
class OptionRules {
 public:
  explicit OptionRules(std::span<const Options> all) {
    tests_.reserve(all.size());
    for (const Options& options : all) {
      tests_.push_back({ArgumentTest{1, kExactly, options.level}, ArgumentTest{2, options.mask, options.value}});
      rules_.push_back({"setsockopt", tests_.back(), "what socket libraries set; nothing that carries a program"});
    }
  }
  [[nodiscard]] const std::vector<AllowIfRule>& rules() const { return rules_; }

 private:
  std::vector<std::array<ArgumentTest, 2>> tests_;
  std::vector<AllowIfRule> rules_;
};

// CLONE_NEW* of linux/sched.h; CLONE_NEWTIME is clone3's only. A thread or a process may be made, a namespace may not.
constexpr std::uint64_t kNamespaceFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr ArgumentTest kNoNamespaces[] = {{0, kNamespaceFlags, 0}};

constexpr std::uint64_t kTypeMask = 0xffffffff & ~std::uint64_t{SOCK_CLOEXEC | SOCK_NONBLOCK};
constexpr ArgumentTest kUnixSocket[] = {{0, 0xffffffff, AF_UNIX}};
constexpr ArgumentTest kTcp4[] = {{0, 0xffffffff, AF_INET}, {1, kTypeMask, SOCK_STREAM}, {2, 0xffffffff & ~6ULL, 0}};
constexpr ArgumentTest kTcp6[] = {{0, 0xffffffff, AF_INET6}, {1, kTypeMask, SOCK_STREAM}, {2, 0xffffffff & ~6ULL, 0}};
constexpr ArgumentTest kUdp4[] = {{0, 0xffffffff, AF_INET}, {1, kTypeMask, SOCK_DGRAM}, {2, 0xffffffff, 0}};
constexpr ArgumentTest kUdp6[] = {{0, 0xffffffff, AF_INET6}, {1, kTypeMask, SOCK_DGRAM}, {2, 0xffffffff, 0}};
constexpr ArgumentTest kUdp4Named[] = {{0, 0xffffffff, AF_INET}, {1, kTypeMask, SOCK_DGRAM}, {2, 0xffffffff, 17}};
constexpr ArgumentTest kUdp6Named[] = {{0, 0xffffffff, AF_INET6}, {1, kTypeMask, SOCK_DGRAM}, {2, 0xffffffff, 17}};
constexpr std::string_view kSocketWhy =
    "Unix, TCP and UDP only; raw, packet, netlink and the rare families (ALG, VSOCK, KEY, TIPC, CAN, …) are where "
    "kernel bugs live";

// Of its own process only. The limit of core files (number 4) may be asked for and not changed: at 1 the kernel does
// not start the program that core_pattern names, at 0 it does (core(5), fs/coredump.c). A number that is not 4 has a
// bit of 0, 1 or 3, or is 0.
static_assert(RLIMIT_CORE == 4);
constexpr ArgumentTest kAskLimit[] = {{0, 0xffffffff, 0}, {2, ~std::uint64_t{0}, 0}};
constexpr ArgumentTest kLimit0[] = {{0, 0xffffffff, 0}, {1, 0xffffffff, 0}};
constexpr ArgumentTest kLimitBit0[] = {{0, 0xffffffff, 0}, {1, 1, 1}};
constexpr ArgumentTest kLimitBit1[] = {{0, 0xffffffff, 0}, {1, 2, 2}};
constexpr ArgumentTest kLimitBit3[] = {{0, 0xffffffff, 0}, {1, 8, 8}};
constexpr ArgumentTest kOldLimit0[] = {{0, 0xffffffff, 0}};
constexpr ArgumentTest kOldLimitBit0[] = {{0, 1, 1}};
constexpr ArgumentTest kOldLimitBit1[] = {{0, 2, 2}};
constexpr ArgumentTest kOldLimitBit3[] = {{0, 8, 8}};
constexpr std::string_view kLimitWhy =
    "its own limits; not those of the agent, which has the same uid, and not the one that keeps the host's crash "
    "handler away";

// Every command but F_NOTIFY (1026, bits 1 and 10): another has one of those clear, or bit 0, 2 or 3 set.
static_assert(F_NOTIFY == 1026);
constexpr ArgumentTest kCommandBit1[] = {{1, 2, 0}};
constexpr ArgumentTest kCommandBit10[] = {{1, 1024, 0}};
constexpr ArgumentTest kCommandBit0[] = {{1, 1, 1}};
constexpr ArgumentTest kCommandBit2[] = {{1, 4, 4}};
constexpr ArgumentTest kCommandBit3[] = {{1, 8, 8}};
constexpr std::string_view kCommandWhy =
    "flags, copies, locks and seals of its own descriptors, but not dnotify, which tells whenever a neighbour or the "
    "host reads in a folder of /usr";

// IN_ACCESS, IN_CLOSE_NOWRITE and IN_OPEN of inotify(7).
constexpr ArgumentTest kOnlyChanges[] = {{2, IN_ACCESS | IN_CLOSE_NOWRITE | IN_OPEN, 0}};

constexpr ArgumentTest kFifo[] = {{1, S_IFMT, S_IFIFO}};
constexpr ArgumentTest kFifoAt[] = {{2, S_IFMT, S_IFIFO}};
constexpr ArgumentTest kRegular[] = {{1, S_IFMT, S_IFREG}};
constexpr ArgumentTest kRegularAt[] = {{2, S_IFMT, S_IFREG}};

constexpr ArgumentTest kPersonalityQuery[] = {{0, 0xffffffff, 0xffffffff}};
constexpr ArgumentTest kPersonalityLinux[] = {{0, 0xffffffff, PER_LINUX}};

// libseccomp cannot give a call both a conditional permission and an errno of its own for the rest, so the rest is the
// default.
constexpr AllowIfRule kAllowIf[] = {
    {"clone", kNoNamespaces,
     "threads and processes, but no new namespace: a user namespace would bring capabilities back"},
    {"socket", kUnixSocket, kSocketWhy},
    {"socket", kTcp4, kSocketWhy},
    {"socket", kTcp6, kSocketWhy},
    {"socket", kUdp4, kSocketWhy},
    {"socket", kUdp6, kSocketWhy},
    {"socket", kUdp4Named, kSocketWhy},
    {"socket", kUdp6Named, kSocketWhy},
    {"fcntl", kCommandBit1, kCommandWhy},
    {"fcntl", kCommandBit10, kCommandWhy},
    {"fcntl", kCommandBit0, kCommandWhy},
    {"fcntl", kCommandBit2, kCommandWhy},
    {"fcntl", kCommandBit3, kCommandWhy},
    {"inotify_add_watch", kOnlyChanges,
     "changes only: to be told of reading would tell whenever a neighbour or the host opens a file of /usr"},
    {"socketpair", kUnixSocket,
     "a pair is a socket too: the kernel makes the first before it asks whether the family has pairs"},
    {"prlimit64", kAskLimit, kLimitWhy},
    {"prlimit64", kLimit0, kLimitWhy},
    {"prlimit64", kLimitBit0, kLimitWhy},
    {"prlimit64", kLimitBit1, kLimitWhy},
    {"prlimit64", kLimitBit3, kLimitWhy},
    {"setrlimit", kOldLimit0, kLimitWhy},
    {"setrlimit", kOldLimitBit0, kLimitWhy},
    {"setrlimit", kOldLimitBit1, kLimitWhy},
    {"setrlimit", kOldLimitBit3, kLimitWhy},
    {"mknod", kFifo, "mkfifo"},
    {"mknodat", kFifoAt, "mkfifo"},
    {"mknod", kRegular, "a plain file made the old way"},
    {"mknodat", kRegularAt, "a plain file made the old way"},
    {"personality", kPersonalityQuery, "asking (libraries do)"},
    {"personality", kPersonalityLinux, "the default; no switching off of address randomisation"},
};

constexpr RefuseRule kRefuse[] = {
    {"clone3", ENOSYS, "its flags are behind a pointer that a filter cannot read; libc falls back to clone"},
    {"unshare setns", EPERM, "no namespace may be made or entered"},
    {"mount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr", EPERM,
     "the tree of mounts is the wall"},
    {"ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd process_madvise process_mrelease", EPERM,
     "reaching into another process"},
    {"bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register", EPERM,
     "large kernel interfaces with a long list of escapes; io_uring also walks past this filter"},
    {"keyctl add_key request_key", EPERM, "keyrings are not namespaced by default"},
    {"init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct quotactl "
     "quotactl_fd "
     "iopl ioperm nfsservctl vhangup",
     EPERM, "the machine's own administration"},
    {"open_by_handle_at name_to_handle_at", EPERM, "opens files by number, past every mount (the 2014 shocker escape)"},
    {"modify_ldt", EPERM,
     "segments of 16-bit programs: a long list of kernel bugs (CVE-2017-17053, CVE-2015-5157) and nothing of today "
     "needs it"},
    {"syslog lookup_dcookie", EPERM, "the kernel's log and addresses"},
    {"settimeofday clock_settime clock_adjtime adjtimex stime", EPERM, "the machine's clock"},
    {"sethostname setdomainname", EPERM, "fixed when the sandbox was made"},
    {"fanotify_init fanotify_mark", EPERM, "watches whole file systems"},
    {"sync syncfs", EPERM, "writes out every file system of the machine, /usr's included; fsync writes its own file"},
    {"vmsplice", EPERM, "gifts pages to pipes (Dirty Pipe's class); libc does not need it"},
    {"memfd_secret", EPERM, "memory the cgroup cannot account and dumps cannot show"},
    {"setgroups", EPERM, "supplementary groups are fixed"},
    {"seccomp", EPERM, "the filter is final; listeners (user notification) would open a new interface"},
    {"move_pages migrate_pages set_mempolicy_home_node", EPERM, "memory placement of other processes"},
    {"create_module get_kernel_syms query_module uselib ustat sysfs _sysctl remap_file_pages", EPERM, "obsolete"},
};

// Known dangers among the options: the answer of a kernel without them, which libraries take as it is.
constexpr ArgumentTest kAttachFilter[] = {{1, kExactly, SOL_SOCKET}, {2, kPair, SO_ATTACH_FILTER}};  // and detach
constexpr ArgumentTest kLockFilter[] = {{1, kExactly, SOL_SOCKET}, {2, kExactly, SO_LOCK_FILTER}};
constexpr ArgumentTest kAttachBpf[] = {{1, kExactly, SOL_SOCKET}, {2, kPair, SO_ATTACH_BPF}};  // and reuseport, classic
constexpr ArgumentTest kAttachReusePort[] = {{1, kExactly, SOL_SOCKET}, {2, kExactly, SO_ATTACH_REUSEPORT_EBPF}};
constexpr ArgumentTest kZeroCopy[] = {{1, kExactly, SOL_SOCKET}, {2, kExactly, SO_ZEROCOPY}};
constexpr ArgumentTest kUpperLayer[] = {{1, kExactly, IPPROTO_TCP}, {2, kExactly, TCP_ULP}};
constexpr ArgumentTest kCongestion[] = {{1, kExactly, IPPROTO_TCP}, {2, kExactly, TCP_CONGESTION}};
constexpr ArgumentTest kSegment[] = {{1, kExactly, IPPROTO_UDP}, {2, kExactly, UDP_SEGMENT}};
constexpr ArgumentTest kCoalesce[] = {{1, kExactly, IPPROTO_UDP}, {2, kExactly, UDP_GRO}};
constexpr ArgumentTest kIpOptions[] = {{1, kExactly, IPPROTO_IP}, {2, kExactly, IP_OPTIONS}};
constexpr ArgumentTest kPhysicalLayout[] = {{1, kExactly, 0xc020660b /* FS_IOC_FIEMAP, linux/fs.h */}};
constexpr std::string_view kPacketProgramWhy =
    "a program of the guest's in the kernel: the way into the BPF verifier and compiler that bpf(2) is refused for";

constexpr RefuseIfRule kRefuseIf[] = {
    {"setsockopt", kAttachFilter, ENOPROTOOPT, kPacketProgramWhy},
    {"setsockopt", kLockFilter, ENOPROTOOPT, kPacketProgramWhy},
    {"setsockopt", kAttachBpf, ENOPROTOOPT, kPacketProgramWhy},
    {"setsockopt", kAttachReusePort, ENOPROTOOPT, kPacketProgramWhy},
    {"setsockopt", kZeroCopy, ENOPROTOOPT, "pins the guest's pages in the network's buffers; senders fall back"},
    {"setsockopt", kUpperLayer, ENOPROTOOPT,
     "another protocol below the socket: kTLS and espintcp have a list of escapes (CVE-2023-0461, CVE-2025-39946)"},
    {"setsockopt", kCongestion, ENOPROTOOPT, "modules of the host, some of them BPF programs"},
    {"setsockopt", kSegment, ENOPROTOOPT, "segmentation offload: much code for speed that a loopback does not need"},
    {"setsockopt", kCoalesce, ENOPROTOOPT, "the same for what comes in"},
    {"setsockopt", kIpOptions, ENOPROTOOPT, "source routes and headers by hand"},
    {"ioctl", kPhysicalLayout, EOPNOTSUPP, "where files of the host lie on its disk; copying programs fall back"},
};

constexpr ArgumentTest kInstallFilter[] = {{0, kExactly, SECCOMP_SET_MODE_FILTER}, {1, kExactly, 0}};
constexpr ArgumentTest kOwnLimits[] = {{0, kExactly, 0}};
constexpr AllowIfRule kStart[] = {
    {"seccomp", kInstallFilter, "the filter itself; without flags, so that there is no listener"},
    {"prlimit64", kOwnLimits, "the limits of a sandbox, that of core files among them"},
};

constexpr ArgumentTest kNewUserNamespace[] = {{0, ~std::uint64_t{0}, CLONE_NEWUSER}};
constexpr AllowIfRule kIdentity[] = {
    {"unshare", kNewUserNamespace, "a user namespace in which the id is another"},
};

}  // namespace

std::span<const AllowIfRule> start_rules() { return kStart; }
std::span<const AllowIfRule> identity_rules() { return kIdentity; }
std::span<const RefuseIfRule> refuse_if_rules() { return kRefuseIf; }
std::span<const AllowRule> allow_rules() { return kAllow; }
std::span<const RefuseRule> refuse_rules() { return kRefuse; }

std::span<const AllowIfRule> allow_if_rules() {
  static const OneOf kIoctlRules("ioctl", 1, kIoctls,
                                 "terminals, non-blocking flags, file clones; nothing else of any device");
  static const OneOf kPrctlRules("prctl", 0, kPrctls, "naming, asking, and what only takes away");
  static const OptionRules kSocketOptions(kOptions);
  static const std::vector<AllowIfRule> kAll = [] {
    std::vector<AllowIfRule> rules(std::begin(kAllowIf), std::end(kAllowIf));
    rules.insert(rules.end(), kIoctlRules.rules().begin(), kIoctlRules.rules().end());
    rules.insert(rules.end(), kPrctlRules.rules().begin(), kPrctlRules.rules().end());
    rules.insert(rules.end(), kSocketOptions.rules().begin(), kSocketOptions.rules().end());
    return rules;
  }();
  return kAll;
}

}  // namespace brig::runtimes::process
