#include "runtimes/process/launcher.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <vector>

#include "base/buffer.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/warden.h"
#include "sys/file.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::process {
namespace {

/// Descriptors of a Launch message before those of the mounts: control socket, channel.
constexpr std::size_t kFixedFds = 2;

Result<WardenJob> take_job(std::span<const std::byte> bytes, std::vector<Fd> fds) {
  if (fds.size() < kFixedFds) return Error(Code::kInvalidArgument, "the launch request lacks its descriptors");
  WardenJob job;
  job.request = TRY(decode_request({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  if (fds.size() != kFixedFds + job.request.mounts.size()) {
    return Error(Code::kInvalidArgument, "the launch request has too few or too many descriptors");
  }
  job.control = std::move(fds[0]);
  job.channel = std::move(fds[1]);
  for (std::size_t i = kFixedFds; i < fds.size(); ++i) job.mounts.push_back(std::move(fds[i]));
  return job;
}

void refuse(FdRef control, Error error) {
  const std::string bytes = encode(Reply(Failed{std::move(error)}));
  (void)sys::send_message(control, std::as_bytes(std::span(bytes)));  // an asker who is gone needs no answer
}

/// SIGCHLD as a descriptor.
Result<Fd> watch_children() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return Error::last_system("block SIGCHLD");
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.is_open()) return Error::last_system("make a signalfd");
  return fd;
}

class Launcher {
 public:
  Launcher(Fd requests, HostReport host, Fd init)
      : requests_(std::move(requests)), host_(std::move(host)), init_(std::move(init)) {}

  /// Serves one sandbox in this process.
  Result<> run_one() {
    auto message = TRY(sys::receive_message(requests_.ref(), buffer_.bytes()));
    if (message.size == 0) return {};
    auto job = TRY(take_job(buffer_.bytes().first(message.size), std::move(message.fds)));
    run_warden(std::move(job), host_, init_.ref());
    return {};
  }

  Result<> run_all() {
    const Fd children = TRY(watch_children());
    auto served = serve(children.ref());
    await_wardens(children.ref());
    return served;
  }

 private:
  /// How long, after the owner is gone, for wardens to take their sandboxes down; the owner gives us a little more
  /// (process_runtime.cc).
  static constexpr Milliseconds kPatience{4000};

  Result<> serve(FdRef children) {
    while (true) {
      pollfd events[2] = {{requests_.get(), POLLIN, 0}, {children.get(), POLLIN, 0}};
      if (::poll(events, 2, -1) < 0) {
        if (errno == EINTR) continue;
        return Error::last_system("poll");
      }
      if (events[1].revents != 0) reap(children);
      if (events[0].revents == 0) continue;
      auto message = TRY(sys::receive_message(requests_.ref(), buffer_.bytes()));
      if (message.size == 0) return {};  // the owner is gone; the wardens see the end of their own sockets
      auto job = take_job(buffer_.bytes().first(message.size), std::move(message.fds));
      if (job.has_value())
        start_warden(*std::move(job));  // else its control socket is closed by now: the asker sees that
    }
  }

  /// The last of them may have been killed just now, and its group is ours to remove.
  void await_wardens(FdRef children) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!wardens_.empty()) {
      const auto left = std::chrono::duration_cast<Milliseconds>(end - std::chrono::steady_clock::now());
      pollfd event{children.get(), POLLIN, 0};
      if (left.count() <= 0 || (::poll(&event, 1, static_cast<int>(left.count())) < 0 && errno != EINTR)) return;
      reap(children);
    }
  }

  void start_warden(WardenJob job) {
    const std::string id = job.request.id;
    const pid_t pid = ::fork();
    if (pid == 0) {
      requests_.reset();
      run_warden(std::move(job), host_, init_.ref());
      ::_exit(0);
    }
    if (pid < 0) refuse(job.control.ref(), Error::last_system("start a warden"));
    else wardens_[pid] = id;
  }

  /// A warden that was killed could not remove its group; its sandbox is dead (parent-death signal).
  void reap(FdRef children) {
    signalfd_siginfo info;
    while (::read(children.get(), &info, sizeof info) > 0) {
    }
    int status = 0;
    while (const pid_t pid = ::waitpid(-1, &status, WNOHANG)) {
      if (pid < 0) break;
      const auto warden = wardens_.find(pid);
      if (warden == wardens_.end()) continue;
      if (!WIFEXITED(status) && host_.cgroups.has_all()) (void)sys::remove_cgroup(host_.cgroups, warden->second);
      wardens_.erase(warden);
    }
  }

  Fd requests_;
  HostReport host_;
  Fd init_;
  Buffer buffer_ = Buffer(sys::kMaxMessage);
  std::map<pid_t, std::string> wardens_;  ///< pid -> id of the sandbox
};

}  // namespace

Result<> run_launcher(Fd requests, HostReport host, const std::string& folder, LauncherLife life) {
  // A Ctrl-C at the terminal is for brig, which then takes the sandbox down; it must not reach us first.
  if (::setsid() < 0) return Error::last_system("leave the session");
  // A sandbox that dies while its plan is written to it is an error to report, not our end.
  if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return Error::last_system("ignore SIGPIPE");
  // Root's supplementary groups would stay with every sandbox: setgroups is denied once a user namespace exists. The
  // root of a container may be denied it already; then they are among the weaknesses, like those of an ordinary user.
  if (::geteuid() == 0 && ::setgroups(0, nullptr) < 0 && host.is_root)
    return Error::last_system("drop the supplementary groups");
  const Fd program = TRY(sys::open(folder + "/brig-init", O_RDONLY).context("find brig-init beside brig-launch"));
  Fd init = TRY(sys::sealed_copy(program.ref(), "brig-init"));
  Launcher launcher(std::move(requests), std::move(host), std::move(init));
  return life == LauncherLife::kOneSandbox ? launcher.run_one() : launcher.run_all();
}

}  // namespace brig::runtimes::process
