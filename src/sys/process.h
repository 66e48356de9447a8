#pragma once
/// Processes by descriptor: clone3, spawn, kill and wait never use a bare pid that could have been reused.
#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/units.h"

namespace brig::sys {

/// How a process ended, as wait4 says, and what it and its waited-for descendants used.
struct ProcessEnd {
  bool is_signal = false;
  int value = 0;  ///< exit code or signal
  Milliseconds cpu{0};
};

/// A child process. Dropping it kills it (SIGKILL) and reaps it.
class Child {
 public:
  Child() = default;
  Child(Fd pidfd, pid_t pid) : pidfd_(std::move(pidfd)), pid_(pid) {}
  Child(Child&& other) noexcept : pidfd_(std::move(other.pidfd_)), pid_(std::exchange(other.pid_, 0)) {}
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] FdRef pidfd() const { return pidfd_.ref(); }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool is_running() const { return pidfd_.is_open(); }
  /// Sends a signal; a process that has ended already is no error.
  Result<> kill(int signal) const;
  /// Blocks until it has ended, and reaps it.
  Result<ProcessEnd> wait();

 private:
  Fd pidfd_;
  pid_t pid_ = 0;
};

/// clone3 with CLONE_PIDFD added. In the child the optional is empty. For single-threaded programs only: the child runs
/// on. `cgroup`: an open cgroup v2 folder to be born in, or not open.
Result<std::optional<Child>> clone(std::uint64_t flags, FdRef cgroup);

/// In a child that goes on without an exec: closes everything but these and the standard streams.
void close_all_but(std::span<const FdRef> kept);

/// Whether this process has exactly one thread: only such a one may go on running C++ in a fork of itself.
bool is_single_threaded();

/// One descriptor a spawned program inherits, under this number.
struct Inherited {
  FdRef from;
  int as = -1;
};

/// In a child that is about to exec: every signal's default action and an empty mask; what a parent ignores would stay
/// ignored. Only makes system calls.
void reset_signals();

/// In a child that is about to exec: makes exactly these descriptors survive the exec, under their numbers. Only makes
/// system calls. Every source must be below 180; numbers from 190 on are used on the way. False, with errno, if the
/// kernel refuses.
bool place_descriptors(std::span<const Inherited> fds);

/// Starts `program` with exactly these arguments, environment and descriptors; nothing else of ours is inherited.
/// The parent's signal mask and handlers are not passed on.
Result<Child> spawn(const std::string& program, std::span<const std::string> arguments,
                    std::span<const std::string> environment, std::span<const Inherited> fds);

/// The folder of the running program's file, e.g. "/usr/bin".
Result<std::string> program_folder();

}  // namespace brig::sys
