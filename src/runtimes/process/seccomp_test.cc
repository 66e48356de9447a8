#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>

#include "base/testing/golden.h"
#include "runtimes/process/compile.h"
#include "runtimes/process/seccomp_compile.h"
#include "runtimes/process/seccomp_profile.h"
#include "runtimes/process/set_id_filter.h"
#include "runtimes/process/testing/bpf_evaluator.h"

namespace brig::runtimes::process {
namespace {

constexpr std::uint32_t kEnosys = SECCOMP_RET_ERRNO | ENOSYS;
constexpr std::uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM;

/// The filter of one architecture and the numbers of its calls.
struct Subject {
  Architecture architecture;
  std::uint32_t audit;
  std::uint32_t token;
};

class Filter : public testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    auto compiled = compile_profile(GetParam().architecture);
    ASSERT_TRUE(compiled.has_value()) << compiled.error().message();
    profile_ = *std::move(compiled);
  }
  std::uint32_t verdict(const char* name, std::array<std::uint64_t, 6> arguments = {}) {
    const int number = seccomp_syscall_resolve_name_arch(GetParam().token, name);
    EXPECT_GE(number, 0) << name;
    return verdict_of(static_cast<std::uint32_t>(number), GetParam().audit, arguments);
  }
  std::uint32_t verdict_of(std::uint32_t number, std::uint32_t audit, std::array<std::uint64_t, 6> arguments = {}) {
    const auto action = evaluate(profile_.program, {number, audit, arguments});
    EXPECT_TRUE(action.has_value()) << "the filter is not valid for call " << number;
    return action.value_or(SECCOMP_RET_ALLOW);
  }
  CompiledProfile profile_;
};

TEST_P(Filter, IsTheOneThatWasReviewed) {
  expect_golden("tests/golden/process/seccomp-" + std::string(to_string(GetParam().architecture)) + ".pfc",
                profile_.text);
}

#ifdef __x86_64__
TEST(SetIdFilter, LetsNoFileGetTheBitsAndEverythingElsePass) {
  const std::string filter = set_id_filter();
  const auto judge = [&](std::uint32_t number, std::array<std::uint64_t, 6> arguments) {
    return evaluate(filter, {number, AUDIT_ARCH_X86_64, arguments}).value_or(0);
  };
  for (const std::uint64_t bits : {04000U, 02000U, 06755U}) {
    EXPECT_EQ(judge(SYS_chmod, {0, bits}), kEperm);
    EXPECT_EQ(judge(SYS_fchmod, {0, bits}), kEperm);
    EXPECT_EQ(judge(SYS_fchmodat, {0, 0, bits}), kEperm);
    EXPECT_EQ(judge(452, {0, 0, bits}), kEperm);
    EXPECT_EQ(judge(SYS_read, {bits, bits, bits}), SECCOMP_RET_ALLOW);
  }
  EXPECT_EQ(judge(SYS_chmod, {0, 01777}), SECCOMP_RET_ALLOW);
}
#endif

TEST_P(Filter, KillsForeignArchitectures) {
  for (std::uint32_t audit :
       std::initializer_list<std::uint32_t>{AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_RISCV64, 0}) {
    for (std::uint32_t number : {0U, 1U, 39U, 59U})
      EXPECT_EQ(verdict_of(number, audit), SECCOMP_RET_KILL_PROCESS) << audit;
  }
}

TEST_P(Filter, AnswersEnosysToWhatItDoesNotKnow) {
  for (std::uint32_t number : {335U, 500U, 1000U, 0x3fffffffU}) {
    const std::uint32_t action = verdict_of(number, GetParam().audit);
    EXPECT_EQ(action, kEnosys) << number;
  }
}

/// The one property that matters most, over every number a kernel could have: what is not in the table is not allowed.
TEST_P(Filter, AllowsNothingThatIsNotInTheTable) {
  std::set<std::string, std::less<>> listed;
  const auto add = [&](std::string_view calls) {
    while (!calls.empty()) {
      const std::size_t end = std::min(calls.find(' '), calls.size());
      listed.emplace(calls.substr(0, end));
      calls.remove_prefix(std::min(end + 1, calls.size()));
    }
  };
  for (const AllowRule& rule : allow_rules()) add(rule.calls);
  for (const AllowIfRule& rule : allow_if_rules()) add(rule.call);
  std::size_t allowed = 0;
  for (std::uint32_t number = 0; number < 1024; ++number) {
    if (verdict_of(number, GetParam().audit) != SECCOMP_RET_ALLOW) continue;
    char* name = seccomp_syscall_resolve_num_arch(GetParam().token, static_cast<int>(number));
    ASSERT_NE(name, nullptr) << number;
    EXPECT_TRUE(listed.contains(name)) << name;
    ::free(name);
    ++allowed;
  }
  EXPECT_GT(allowed, 150U);
}

TEST_P(Filter, RefusesKnownDangersWithEperm) {
  for (const char* name : {"unshare",
                           "setns",
                           "mount",
                           "umount2",
                           "pivot_root",
                           "chroot",
                           "ptrace",
                           "process_vm_readv",
                           "bpf",
                           "perf_event_open",
                           "userfaultfd",
                           "io_uring_setup",
                           "keyctl",
                           "add_key",
                           "request_key",
                           "init_module",
                           "finit_module",
                           "delete_module",
                           "kexec_load",
                           "reboot",
                           "swapon",
                           "acct",
                           "open_by_handle_at",
                           "name_to_handle_at",
                           "syslog",
                           "settimeofday",
                           "clock_settime",
                           "fanotify_init",
                           "vmsplice",
                           "open_tree",
                           "move_mount",
                           "fsopen",
                           "pidfd_getfd",
                           "kcmp",
                           "setgroups",
                           "seccomp",
                           "quotactl",
                           "sethostname",
                           "move_pages"}) {
    EXPECT_EQ(verdict(name), kEperm) << name;
  }
}

TEST_P(Filter, EveryRefusalInTheTableRefuses) {
  for (const RefuseRule& rule : refuse_rules()) {
    std::string_view calls = rule.calls;
    while (!calls.empty()) {
      const std::size_t end = std::min(calls.find(' '), calls.size());
      const std::string name(calls.substr(0, end));
      calls.remove_prefix(std::min(end + 1, calls.size()));
      const int number = seccomp_syscall_resolve_name_arch(GetParam().token, name.c_str());
      if (number < 0) continue;  // not on this architecture
      EXPECT_EQ(verdict_of(static_cast<std::uint32_t>(number), GetParam().audit),
                SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(rule.os_error))
          << name;
    }
  }
}

TEST_P(Filter, LetsThreadsBeMadeButNoNamespace) {
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  EXPECT_EQ(verdict("clone", {kThread}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict("clone", {17 /* SIGCHLD */}), SECCOMP_RET_ALLOW);
  for (int bit :
       {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    const auto flag = static_cast<std::uint64_t>(bit);
    EXPECT_NE(verdict("clone", {flag}), SECCOMP_RET_ALLOW);
    EXPECT_NE(verdict("clone", {flag | kThread}), SECCOMP_RET_ALLOW);
    EXPECT_NE(verdict("clone", {flag | 0xffffffff00000000ULL}), SECCOMP_RET_ALLOW) << "high bits must not hide a flag";
  }
  EXPECT_EQ(verdict("clone3"), kEnosys);
}

TEST_P(Filter, OffersUnixTcpAndUdpSocketsOnly) {
  const auto socket = [&](std::uint64_t family, std::uint64_t type, std::uint64_t protocol = 0) {
    return verdict("socket", {family, type, protocol});
  };
  for (std::uint64_t flags : std::initializer_list<std::uint64_t>{0, SOCK_CLOEXEC, SOCK_CLOEXEC | SOCK_NONBLOCK}) {
    EXPECT_EQ(socket(AF_UNIX, SOCK_STREAM | flags), SECCOMP_RET_ALLOW);
    EXPECT_EQ(socket(AF_INET, SOCK_STREAM | flags), SECCOMP_RET_ALLOW);
    EXPECT_EQ(socket(AF_INET6, SOCK_STREAM | flags, 6), SECCOMP_RET_ALLOW);
    EXPECT_EQ(socket(AF_INET, SOCK_DGRAM | flags), SECCOMP_RET_ALLOW);
    EXPECT_EQ(socket(AF_INET6, SOCK_DGRAM | flags, 17), SECCOMP_RET_ALLOW);
  }
  for (std::uint64_t family = 0; family < 64; ++family) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6) continue;
    for (std::uint64_t type = 1; type <= 10; ++type) EXPECT_NE(socket(family, type), SECCOMP_RET_ALLOW) << family;
  }
  EXPECT_NE(socket(AF_INET, SOCK_RAW, 1), SECCOMP_RET_ALLOW);
  EXPECT_NE(socket(AF_INET, SOCK_DGRAM, 1), SECCOMP_RET_ALLOW) << "ping sockets";
  EXPECT_NE(socket(AF_INET, SOCK_STREAM, 132), SECCOMP_RET_ALLOW) << "SCTP";
  EXPECT_NE(socket(AF_INET, SOCK_STREAM, 262), SECCOMP_RET_ALLOW) << "MPTCP";
}

TEST_P(Filter, MakesPairsOfUnixSocketsOnly) {
  EXPECT_EQ(verdict("socketpair", {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC}), SECCOMP_RET_ALLOW);
  for (std::uint64_t family = 0; family < 64; ++family) {
    if (family != AF_UNIX) EXPECT_NE(verdict("socketpair", {family, SOCK_STREAM}), SECCOMP_RET_ALLOW) << family;
  }
}

TEST_P(Filter, LeavesTheLimitOfCoreFilesAsItIs) {
  constexpr std::uint64_t kPointer = 0x7fff00000000;
  for (std::uint64_t resource = 0; resource < RLIM_NLIMITS; ++resource) {
    const bool is_core = resource == RLIMIT_CORE;
    EXPECT_EQ(verdict("prlimit64", {0, resource, kPointer}) == SECCOMP_RET_ALLOW, !is_core) << resource;
    EXPECT_EQ(verdict("setrlimit", {resource, kPointer}) == SECCOMP_RET_ALLOW, !is_core) << resource;
    EXPECT_EQ(verdict("prlimit64", {0, resource, 0, kPointer}), SECCOMP_RET_ALLOW) << resource;
    EXPECT_NE(verdict("prlimit64", {1, resource, 0, kPointer}), SECCOMP_RET_ALLOW) << "another's";
  }
  EXPECT_NE(verdict("prlimit64", {0, RLIMIT_CORE | 0x100000000ULL, kPointer}), SECCOMP_RET_ALLOW) << "high bits";
  EXPECT_NE(verdict("setrlimit", {RLIMIT_CORE | 0x100000000ULL, kPointer}), SECCOMP_RET_ALLOW) << "high bits";
}

TEST_P(Filter, RefusesWhatIsSharedWithTheHostsOwner) {
  EXPECT_EQ(verdict("sync"), kEperm);
  EXPECT_EQ(verdict("syncfs"), kEperm);
}

TEST_P(Filter, TellsOfChangesAndNotOfWhatOthersRead) {
  EXPECT_EQ(verdict("inotify_init1"), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict("inotify_add_watch", {3, 0, IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_ONLYDIR}), SECCOMP_RET_ALLOW);
  for (const unsigned reading :
       {unsigned{IN_ACCESS}, unsigned{IN_OPEN}, unsigned{IN_CLOSE_NOWRITE}, unsigned{IN_ALL_EVENTS}})
    EXPECT_NE(verdict("inotify_add_watch", {3, 0, reading}), SECCOMP_RET_ALLOW) << reading;
  for (std::uint64_t command = 0; command < 1040; ++command)  // all there are
    EXPECT_EQ(verdict("fcntl", {3, command}) == SECCOMP_RET_ALLOW, command != F_NOTIFY) << command;
  EXPECT_NE(verdict("fcntl", {3, F_NOTIFY | 0x100000000ULL}), SECCOMP_RET_ALLOW) << "high bits";
}

TEST_P(Filter, KnowsOnlyHarmlessDeviceCommands) {
  EXPECT_EQ(verdict("ioctl", {0, TCGETS}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict("ioctl", {0, TIOCGWINSZ}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict("ioctl", {0, TIOCSTI}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict("ioctl", {0, TIOCLINUX}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict("ioctl", {0, TIOCSTI | 0x100000000ULL}), SECCOMP_RET_ALLOW) << "CVE-2019-10063: high bits";
  EXPECT_NE(verdict("ioctl", {0, TIOCCONS}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict("ioctl", {0, SIOCSIFFLAGS}), SECCOMP_RET_ALLOW);
}

TEST_P(Filter, HidesWhereFilesLieOnTheDisk) {
  EXPECT_EQ(verdict("ioctl", {0, 0xc020660b /* FS_IOC_FIEMAP */}), SECCOMP_RET_ERRNO | EOPNOTSUPP);
  EXPECT_NE(verdict("ioctl", {0, 1 /* FIBMAP */}), SECCOMP_RET_ALLOW);
}

/// Every option that a level has, against the list of those that socket libraries set.
TEST_P(Filter, OffersTheSocketOptionsThatLibrariesSet) {
  const std::set<int> general{SO_REUSEADDR, SO_BROADCAST, SO_SNDBUF,    SO_RCVBUF,   SO_KEEPALIVE, SO_OOBINLINE,
                              SO_LINGER,    SO_REUSEPORT, SO_PASSCRED,  SO_RCVTIMEO, SO_SNDTIMEO,  SO_RCVLOWAT,
                              SO_TIMESTAMP, SO_PRIORITY,  SO_DONTROUTE, SO_PEEK_OFF, 66,           67};
  for (int option : general) {
    EXPECT_EQ(verdict("setsockopt", {3, SOL_SOCKET, static_cast<std::uint64_t>(option)}), SECCOMP_RET_ALLOW) << option;
  }
  const auto allowed = [&](std::uint64_t level) {
    std::set<int> options;
    for (int option = 0; option < 1024; ++option) {
      if (verdict("setsockopt", {3, level, static_cast<std::uint64_t>(option)}) == SECCOMP_RET_ALLOW)
        options.insert(option);
    }
    return options;
  };
  EXPECT_EQ(allowed(IPPROTO_TCP),
            (std::set<int>{0, TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT,
                           TCP_LINGER2, TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_INFO, TCP_QUICKACK, TCP_USER_TIMEOUT,
                           TCP_FASTOPEN, TCP_NOTSENT_LOWAT, TCP_FASTOPEN_CONNECT}));
  EXPECT_EQ(allowed(IPPROTO_UDP), std::set<int>{UDP_CORK});
  for (int option : {IP_TOS, IP_TTL, IP_MTU_DISCOVER, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_ALL})
    EXPECT_TRUE(allowed(IPPROTO_IP).contains(option)) << option;
  for (int option : {IPV6_V6ONLY, IPV6_UNICAST_HOPS, IPV6_TCLASS, IPV6_ADD_MEMBERSHIP, IPV6_MULTICAST_ALL})
    EXPECT_TRUE(allowed(IPPROTO_IPV6).contains(option)) << option;
  for (int option : {IP_OPTIONS, IP_MSFILTER, MCAST_JOIN_SOURCE_GROUP, IP_XFRM_POLICY, 64 /* IPT_SO_SET_REPLACE */})
    EXPECT_FALSE(allowed(IPPROTO_IP).contains(option)) << option;
  for (int option : {IPV6_ADDRFORM, IPV6_JOIN_ANYCAST, IPV6_HOPOPTS, IPV6_RTHDR, 32 /* IPV6_FLOWLABEL_MGR */, 64})
    EXPECT_FALSE(allowed(IPPROTO_IPV6).contains(option)) << option;
  for (std::uint64_t level : std::initializer_list<std::uint64_t>{255, 263 /* SOL_PACKET */, 270 /* SOL_NETLINK */,
                                                                  282 /* SOL_TLS */, 283 /* SOL_XDP */})
    EXPECT_TRUE(allowed(level).empty()) << level;
}

TEST_P(Filter, PutsNoProgramAndNoProtocolUnderASocket) {
  constexpr std::uint32_t kNoSuchOption = SECCOMP_RET_ERRNO | ENOPROTOOPT;
  const auto option = [&](std::uint64_t level, std::uint64_t name) { return verdict("setsockopt", {3, level, name}); };
  for (int name : {SO_ATTACH_FILTER, SO_LOCK_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF,
                   SO_ZEROCOPY}) {
    EXPECT_EQ(option(SOL_SOCKET, static_cast<std::uint64_t>(name)), kNoSuchOption) << name;
    EXPECT_NE(option(SOL_SOCKET | 0x100000000ULL, static_cast<std::uint64_t>(name)), SECCOMP_RET_ALLOW) << "high bits";
  }
  EXPECT_NE(option(SOL_SOCKET, 68 /* SO_DETACH_REUSEPORT_BPF */), SECCOMP_RET_ALLOW);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_ULP), kNoSuchOption);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_CONGESTION), kNoSuchOption);
  EXPECT_EQ(option(IPPROTO_UDP, UDP_SEGMENT), kNoSuchOption);
  EXPECT_NE(option(IPPROTO_TCP, TCP_REPAIR), SECCOMP_RET_ALLOW);
}

TEST_P(Filter, LetsProcessControlOnlyNameAndAsk) {
  EXPECT_EQ(verdict("prctl", {PR_SET_NAME}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict("prctl", {PR_SET_SECCOMP}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict("prctl", {PR_SET_SECUREBITS}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict("prctl", {PR_CAP_AMBIENT}), SECCOMP_RET_ALLOW);
}

TEST_P(Filter, MakesNoDeviceNodes) {
  EXPECT_EQ(verdict("mknodat", {0, 0, S_IFIFO | 0600}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict("mknodat", {0, 0, S_IFBLK | 0600}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict("mknodat", {0, 0, S_IFCHR | 0600}), SECCOMP_RET_ALLOW);
}

INSTANTIATE_TEST_SUITE_P(Architectures, Filter,
                         testing::Values(Subject{Architecture::kX86_64, AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64},
                                         Subject{Architecture::kAarch64, AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64}),
                         [](const auto& info) { return std::string(to_string(info.param.architecture)); });

TEST(FilterX86, KillsX32) {
  const auto profile = compile_profile(Architecture::kX86_64);
  ASSERT_TRUE(profile.has_value());
  for (std::uint32_t number : {0U, 1U, 59U, 520U}) {
    EXPECT_EQ(evaluate(profile->program, {number | 0x40000000U, AUDIT_ARCH_X86_64, {}}), SECCOMP_RET_KILL_PROCESS);
  }
}

TEST(FilterThatShips, IsTheCompiledTable) {
  const bool is_x86 = seccomp_arch_native() == SCMP_ARCH_X86_64;
  const auto profile = compile_profile(is_x86 ? Architecture::kX86_64 : Architecture::kAarch64);
  ASSERT_TRUE(profile.has_value());
  EXPECT_EQ(seccomp_program().bytes, profile->program);
  EXPECT_EQ(seccomp_program().allowed, profile->allowed);
  EXPECT_EQ(seccomp_program().hash.size(), 16U);
}

TEST(Profile, EveryRuleGivesAReason) {
  for (const AllowRule& rule : allow_rules()) EXPECT_GT(rule.why.size(), 5U) << rule.calls;
  for (const AllowIfRule& rule : allow_if_rules()) EXPECT_GT(rule.why.size(), 5U) << rule.call;
  for (const RefuseRule& rule : refuse_rules()) EXPECT_GT(rule.why.size(), 5U) << rule.calls;
  for (const RefuseIfRule& rule : refuse_if_rules()) EXPECT_GT(rule.why.size(), 5U) << rule.call;
}

}  // namespace
}  // namespace brig::runtimes::process
