/// Fault injection: every single system call of every process that makes, watches and removes a sandbox fails once with
/// ENOMEM. Whatever fails, the owner gets an answer in time, and no process, group or mount is left.
///
/// The test traces (ptrace) a driver, which owns a runtime and one sandbox, and all that descends from it. A failing
/// call is one that is not made: getpid is called in its place and its result replaced. The helper that holds an id
/// mapping is not watched: it does nothing but wait for its end.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "async/run.h"
#include "async/timer.h"
#include "guest/session.h"
#include "runtimes/process/process_runtime.h"
#include "sys/cgroup.h"

namespace brig {
namespace {

enum class Role : std::uint8_t { kDriver, kLauncher, kWarden, kHelper, kInit, kProgram };
enum class Mode : std::uint8_t {
  kService,
  kOnce
};  ///< brig-launch with wardens, or one launcher that is the warden, as brig run has it

const char* name_of(Role role) {
  constexpr std::array kNames{"driver", "launcher", "warden", "id-map helper", "init", "program"};
  return kNames.at(static_cast<std::size_t>(role));
}

/// Calls that cannot fail, or whose failure would not be a failure: a program that cannot even exit proves nothing.
bool cannot_fail(unsigned long long number) {
  static const std::set<unsigned long long> kCalls{SYS_exit,    SYS_exit_group, SYS_rt_sigreturn, SYS_restart_syscall,
                                                   SYS_close,   SYS_munmap,     SYS_getpid,       SYS_getppid,
                                                   SYS_gettid,  SYS_getuid,     SYS_geteuid,      SYS_getgid,
                                                   SYS_getegid, SYS_umask,      SYS_sched_yield};
  return kCalls.contains(number);
}

/// The life of one sandbox, as its owner sees it. 0: it was made, ran and is gone. 1: an Error said why not.
struct Sink final : guest::OutputSink {
  void on_output(guest::Stream, std::span<const std::byte>) override {}
};

Task<> live(runtime::Runtime& runtime, runtime::CellSpec spec) {
  Sink sink;
  CO_TRY(auto cell, co_await with_timeout(Milliseconds(8000), runtime.create(std::move(spec)), "creating"));
  auto session = guest::Session::connect(co_await asio::this_coro::executor, cell->take_channel());
  if (session.has_value()) {
    guest::ExecRequest request;
    request.argv = {"/bin/true"};
    auto process = co_await with_timeout(Milliseconds(5000), (*session)->exec(std::move(request), sink), "starting");
    if (process.has_value()) (void)co_await with_timeout(Milliseconds(5000), (*process)->wait(), "running");
  }
  session = Error(Code::kCancelled, "over");
  CO_TRY_VOID(co_await with_timeout(Milliseconds(8000), cell->destroy(), "destroying"));
  co_return Result<>();
}

int drive(const std::string& id, const std::string& file, Mode mode) {
  asio::io_context io;
  policy::Policy policy;
  policy.limits.memory = mebibytes(64);
  policy.mounts.push_back({.from = *HostPath::parse(file), .to = *GuestPath::parse("/data")});
  const auto runtime = runtimes::process::make_process_runtime(
      {.launcher = std::string(BRIG_BIN_DIR) + "/brig-launch", .is_single_use = mode == Mode::kOnce});
  runtime::CellSpec spec{.id = id, .policy = std::move(policy), .lifetime = Milliseconds(3000)};
  const auto result = run(io, live(*runtime, std::move(spec)));
  return result.has_value() ? 0 : 1;
}

struct Tracee {
  std::optional<Role> role;  ///< unknown until its parent's event tells
  unsigned calls = 0;
  bool is_inside = false;
  bool is_failing = false;
  bool is_parked = false;  ///< stopped at birth, its role not known yet
};

/// What became of one life with one failed call.
struct Outcome {
  int driver_status = -1;
  bool has_hung = false;
  unsigned calls = 0;       ///< of the role that was watched, all its processes
  std::string failed_call;  ///< number of the call that was made to fail, "" if none
};

class Tracer {
 public:
  Tracer(Role target, unsigned nth, Mode mode) : target_(target), nth_(nth), mode_(mode) {}

  Outcome run(const std::string& id, const std::string& file) {
    std::array<int, 2> gate{};
    if (::pipe(gate.data()) < 0) ADD_FAILURE() << "pipe";
    driver_ = ::fork();
    if (driver_ == 0) {
      ::close(gate[1]);
      char go = 0;
      if (::read(gate[0], &go, 1) != 1) ::_exit(70);
      ::close(gate[0]);
      const int null = ::open("/dev/null", O_WRONLY);
      ::dup2(null, STDERR_FILENO);  // brig-launch complains of what we do to it
      ::close(null);
      ::_exit(drive(id, file, mode_));
    }
    ::close(gate[0]);
    tracees_[driver_].role = Role::kDriver;
    constexpr long kOptions =
        PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SEIZE, driver_, 0, kOptions) < 0) ADD_FAILURE() << "PTRACE_SEIZE: " << errno;
    EXPECT_EQ(::write(gate[1], "g", 1), 1);
    ::close(gate[1]);
    follow();
    return outcome_;
  }

 private:
  void follow() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!tracees_.empty()) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, __WALL);  // a timer interrupts it
      if (pid < 0 && errno == ECHILD) break;
      if (std::chrono::steady_clock::now() > deadline) {
        outcome_.has_hung = true;
        for (const auto& [left, tracee] : tracees_) ::kill(left, SIGKILL);
        tracees_.clear();
        while (::waitpid(-1, nullptr, __WALL) > 0) {
        }
        return;
      }
      if (pid < 0) continue;
      if (WIFSTOPPED(status)) on_stop(pid, status);
      else on_end(pid, status);
    }
  }

  void on_end(pid_t pid, int status) {
    if (pid == driver_) outcome_.driver_status = status;
    tracees_.erase(pid);
  }

  void on_stop(pid_t pid, int status) {
    Tracee& tracee = tracees_[pid];
    const int signal = WSTOPSIG(status);
    const int event = status >> 16;
    if (signal == (SIGTRAP | 0x80)) return on_call(pid, tracee);
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
      unsigned long child = 0;
      ::ptrace(PTRACE_GETEVENTMSG, pid, 0, &child);
      on_child(static_cast<pid_t>(child), tracee.role.value_or(Role::kProgram));
      return resume(pid, tracee, 0);
    }
    if (event != 0) {
      if (tracee.role) return resume(pid, tracee, 0);
      tracee.is_parked = true;
      return;
    }
    resume(pid, tracee, signal);
  }

  void on_child(pid_t child, Role parent) {
    Tracee& tracee = tracees_[child];
    switch (parent) {
      case Role::kDriver: tracee.role = mode_ == Mode::kOnce ? Role::kWarden : Role::kLauncher; break;
      case Role::kLauncher: tracee.role = Role::kWarden; break;
      case Role::kWarden: tracee.role = has_own_pids(child) ? Role::kInit : Role::kHelper; break;
      default: tracee.role = Role::kProgram;
    }
    if (std::exchange(tracee.is_parked, false)) resume(child, tracee, 0);
  }

  /// Whether it is pid 1 of a namespace below ours.
  static bool has_own_pids(pid_t pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("NSpid:")) continue;
      std::istringstream words(line);
      std::string word;
      int count = 0;
      while (words >> word) ++count;
      return count == 3;
    }
    return false;
  }

  void resume(pid_t pid, const Tracee& tracee, int signal) {
    const bool is_watched = tracee.role == target_ && (nth_ == 0 || outcome_.failed_call.empty() || tracee.is_failing);
    ::ptrace(is_watched ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, signal);
  }

  void on_call(pid_t pid, Tracee& tracee) {
    tracee.is_inside = !tracee.is_inside;
    user_regs_struct registers{};
    if (tracee.is_inside) {
      ++outcome_.calls;
      if (++tracee.calls == nth_) {
        ::ptrace(PTRACE_GETREGS, pid, 0, &registers);
        if (!cannot_fail(registers.orig_rax)) {
          outcome_.failed_call = std::to_string(registers.orig_rax);
          tracee.is_failing = true;
          registers.orig_rax = SYS_getpid;
          ::ptrace(PTRACE_SETREGS, pid, 0, &registers);
        }
      }
    } else if (tracee.is_failing) {
      tracee.is_failing = false;
      ::ptrace(PTRACE_GETREGS, pid, 0, &registers);
      registers.rax = static_cast<unsigned long long>(-ENOMEM);
      ::ptrace(PTRACE_SETREGS, pid, 0, &registers);
    }
    resume(pid, tracee, 0);
  }

  Role target_;
  unsigned nth_;
  Mode mode_;
  pid_t driver_ = 0;
  std::map<pid_t, Tracee> tracees_;
  Outcome outcome_;
};

std::vector<std::string> groups_left(const std::string& id) {
  const sys::CgroupTree tree = sys::find_own_cgroup_tree();
  std::vector<std::string> left;
  for (const std::string& parent : std::set<std::string>{tree.memory, tree.pids, tree.cpu}) {
    const std::string folder = parent + "/brig/" + id;
    for (int attempt = 0; ::access(folder.c_str(), F_OK) == 0; ++attempt) {
      if (attempt == 100) {
        left.push_back(folder);
        ::rmdir(folder.c_str());
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  return left;
}

std::string mounts() {
  std::ifstream file("/proc/self/mountinfo");
  std::string all;
  for (std::string line; std::getline(file, line);) all += line + "\n";
  return all;
}

struct Watched {
  const char* name;
  Role role;
  Mode mode;
};

/// How gtest shows the parameter; test programs list their tests by it.
void PrintTo(const Watched& watched, std::ostream* out) { *out << watched.name; }

class Fault : public testing::TestWithParam<Watched> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: makes sandboxes as the installed program does";
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);  // nothing of ours escapes
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);         // nobody else's mounts
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    struct sigaction action{};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, nullptr);
    const itimerval tick{.it_interval = {.tv_sec = 0, .tv_usec = 500'000},
                         .it_value = {.tv_sec = 0, .tv_usec = 500'000}};
    ::setitimer(ITIMER_REAL, &tick, nullptr);
    file_ = testing::TempDir() + "brig-fault-" + std::to_string(::getpid());
    std::ofstream(file_) << "data";
    ::chmod(file_.c_str(), 0600);  // an id-mapped mount
  }
  void TearDown() override {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::unlink(file_.c_str());
  }
  std::string file_;
};

TEST_P(Fault, EveryFailedCallIsAnsweredAndLeavesNothing) {
  const Watched watched = GetParam();
  const std::string prefix = "fault-" + std::to_string(::getpid()) + "-";
  const Outcome healthy = Tracer(watched.role, 0, watched.mode).run(prefix + "0", file_);
  ASSERT_TRUE(WIFEXITED(healthy.driver_status) && WEXITSTATUS(healthy.driver_status) == 0) << healthy.driver_status;
  ASSERT_GT(healthy.calls, 2U);
  const std::string before = mounts();
  unsigned failed = 0;
  unsigned answered_with_error = 0;
  for (unsigned nth = 1; nth <= healthy.calls; ++nth) {
    const std::string id = prefix + std::to_string(nth);
    const Outcome outcome = Tracer(watched.role, nth, watched.mode).run(id, file_);
    if (outcome.failed_call.empty()) continue;
    ++failed;
    const std::string what =
        std::string(name_of(watched.role)) + ", call " + std::to_string(nth) + " (number " + outcome.failed_call + ")";
    EXPECT_FALSE(outcome.has_hung) << what;
    EXPECT_TRUE(WIFEXITED(outcome.driver_status))
        << what << ": the owner was ended by signal " << WTERMSIG(outcome.driver_status);
    if (WIFEXITED(outcome.driver_status) && WEXITSTATUS(outcome.driver_status) != 0) ++answered_with_error;
    for (const std::string& folder : groups_left(id)) ADD_FAILURE() << what << " left " << folder;
    EXPECT_EQ(mounts(), before) << what;
    EXPECT_TRUE(::waitpid(-1, nullptr, __WALL | WNOHANG) < 0 && errno == ECHILD) << what << " left a process";
  }
  std::cout << name_of(watched.role) << ": " << failed << " of " << healthy.calls << " calls failed in turn, "
            << answered_with_error << " answered with an error\n";
  EXPECT_GT(answered_with_error, 0U);
}

INSTANTIATE_TEST_SUITE_P(Process, Fault,
                         testing::Values(Watched{"Launcher", Role::kLauncher, Mode::kService},
                                         Watched{"Warden", Role::kWarden, Mode::kService},
                                         Watched{"Init", Role::kInit, Mode::kService},
                                         Watched{"WardenOfOne", Role::kWarden, Mode::kOnce}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace brig
