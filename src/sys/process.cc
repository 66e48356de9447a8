#include "sys/process.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sys/file.h"

namespace brig::sys {

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    Child old(std::move(*this));
    pidfd_ = std::move(other.pidfd_);
    pid_ = std::exchange(other.pid_, 0);
  }
  return *this;
}

Child::~Child() {
  if (!pidfd_.is_open()) return;
  (void)kill(SIGKILL);  // nothing more can be done about a process that will not die
  (void)wait();
}

Result<> Child::kill(int signal) const {
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0U) < 0 && errno != ESRCH) {
    return Error::last_system("send a signal");
  }
  return {};
}

Result<ProcessEnd> Child::wait() {
  int status = 0;
  rusage usage{};
  while (::wait4(pid_, &status, __WALL, &usage) < 0) {
    if (errno != EINTR) {
      const Error error = Error::last_system("wait for a process");
      pidfd_.reset();
      return error;
    }
  }
  pidfd_.reset();
  const auto milliseconds = [](const timeval& time) { return Milliseconds(time.tv_sec * 1000 + time.tv_usec / 1000); };
  ProcessEnd end;
  end.is_signal = WIFSIGNALED(status);
  end.value = end.is_signal ? WTERMSIG(status) : WEXITSTATUS(status);
  end.cpu = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
  return end;
}

Result<std::optional<Child>> clone(std::uint64_t flags, FdRef cgroup) {
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = flags | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  if (cgroup.is_open()) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(cgroup.get());
  }
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) return Error::last_system("clone3");
  if (pid == 0) return std::optional<Child>();
  return std::optional<Child>(Child(Fd(pidfd), static_cast<pid_t>(pid)));
}

void close_all_but(std::span<const FdRef> kept) {
  std::vector<unsigned> numbers;
  for (const FdRef fd : kept) numbers.push_back(static_cast<unsigned>(fd.get()));
  std::ranges::sort(numbers);
  unsigned from = STDERR_FILENO + 1;
  for (const unsigned number : numbers) {
    if (number < from) continue;
    if (number > from) ::syscall(SYS_close_range, from, number - 1, 0);
    from = number + 1;
  }
  ::syscall(SYS_close_range, from, ~0U, 0);
}

bool is_single_threaded() {
  struct stat tasks = {};
  // A folder has two links and one for each folder in it (proc(5): one a thread).
  return ::stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;
}

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action = {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_DFL) {
      action.sa_handler = SIG_DFL;
      ::sigaction(signal, &action, nullptr);
    }
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool place_descriptors(std::span<const Inherited> fds) {
  // Above every target number, so that no dup can overwrite a source that is still needed.
  constexpr int kParking = 200;
  int parked = kParking;
  int highest = 2;
  for (const Inherited& fd : fds) {
    if (::dup3(fd.from.get(), parked++, O_CLOEXEC) < 0) return false;
    highest = std::max(highest, fd.as);
  }
  parked = kParking;
  for (const Inherited& fd : fds) {
    if (::dup2(parked++, fd.as) < 0) return false;
  }
  // Everything else of ours is close-on-exec; what a careless parent left us is not.
  constexpr unsigned kCloseRangeCloexec = 1U << 2;  // linux/close_range.h
  return ::syscall(SYS_close_range, static_cast<unsigned>(highest + 1), ~0U, kCloseRangeCloexec) == 0;
}

namespace {

/// What the child of spawn() needs; it shares our memory (CLONE_VM) and so may only read it and make system calls.
struct SpawnJob {
  const char* program = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  std::span<const Inherited> fds;
  int error = 0;
};

/// Runs in the child, on its own stack, while the parent is suspended.
int run_spawned(void* opaque) {
  SpawnJob& job = *static_cast<SpawnJob*>(opaque);
  if (!place_descriptors(job.fds)) {
    job.error = errno;
    ::_exit(127);
  }
  reset_signals();
  ::execve(job.program, job.arguments, job.environment);
  job.error = errno;
  ::_exit(127);
}

std::vector<char*> pointers_of(std::span<const std::string> texts, const std::string* first) {
  std::vector<char*> pointers;
  if (first != nullptr) pointers.push_back(const_cast<char*>(first->c_str()));  // execve does not write to them
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Result<Child> spawn(const std::string& program, std::span<const std::string> arguments,
                    std::span<const std::string> environment, std::span<const Inherited> fds) {
  const std::vector<char*> argv = pointers_of(arguments, &program);
  const std::vector<char*> envp = pointers_of(environment, nullptr);
  SpawnJob job{.program = program.c_str(), .arguments = argv.data(), .environment = envp.data(), .fds = fds};
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);  // a handler of ours must not run in the child that shares our memory
  alignas(16) static thread_local std::array<char, 64 * 1024> stack;
  int pidfd = -1;
  const int pid =
      ::clone(run_spawned, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &job, &pidfd);
  const int clone_error = errno;
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Error::system(clone_error, "start " + program);
  Child child(Fd(pidfd), pid);
  if (job.error != 0) return Error::system(job.error, "start " + program);
  return child;
}

Result<std::string> program_folder() {
  std::array<char, 4096> buffer;
  const ssize_t length = ::readlink("/proc/self/exe", buffer.data(), buffer.size());
  if (length < 0) return Error::last_system("read /proc/self/exe");
  const std::string path(buffer.data(), static_cast<std::size_t>(length));
  return path.substr(0, path.rfind('/'));
}

}  // namespace brig::sys
