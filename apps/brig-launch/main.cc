/// brig-launch: the only process of Brig that clones, and the only one that keeps privileges. One thread. It knows one request (launch.h),
/// parses nothing that came from a guest, and gives each sandbox a warden of its own (warden.h).
///
/// Started by the runtime with its request socket as descriptor 3; ends when that socket closes. `--once`: the first request is
/// served in this process, without a fork.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <string_view>
#include <vector>

#include "runtimes/process/launch.h"
#include "runtimes/process/warden.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/seqpacket.h"

namespace {

using namespace brig;
using namespace brig::runtimes::process;

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

class Launcher {
 public:
  Launcher(HostReport host, Fd init, bool is_once) : host_(std::move(host)), init_(std::move(init)), is_once_(is_once) {}

  Result<> run() {
    const Fd requests(kLaunchSocketFd);
    const Fd children = TRY(watch_children());
    std::vector<std::byte> buffer(sys::kMaxMessage);
    while (true) {
      pollfd events[2] = {{requests.get(), POLLIN, 0}, {children.get(), POLLIN, 0}};
      if (::poll(events, 2, -1) < 0) {
        if (errno == EINTR) continue;
        return Error::last_system("poll");
      }
      if (events[1].revents != 0) reap(children.ref());
      if (events[0].revents == 0) continue;
      auto message = TRY(sys::receive_message(requests.ref(), buffer));
      if (message.size == 0) break;  // the owner is gone; the wardens see the end of their own sockets
      launch(std::span(buffer).first(message.size), std::move(message.fds));
      if (is_once_) break;
    }
    sys::sweep_cgroups(host_.cgroups, kLeftoverAge);  // here, where nobody waits for us
    return {};
  }

 private:
  /// A group without processes for that long was left by a warden that was killed.
  static constexpr Milliseconds kLeftoverAge{10'000};

  /// SIGCHLD as a descriptor.
  static Result<Fd> watch_children() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return Error::last_system("block SIGCHLD");
    Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.is_open()) return Error::last_system("make a signalfd");
    return fd;
  }

  void launch(std::span<const std::byte> bytes, std::vector<Fd> fds) {
    auto job = take_job(bytes, std::move(fds));
    if (!job.has_value()) return;  // its control socket is closed by now: the asker sees that
    if (is_once_) {
      run_warden(*std::move(job), host_, init_.ref());
      return;
    }
    const std::string id = job->request.id;
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::close(kLaunchSocketFd);
      run_warden(*std::move(job), host_, init_.ref());
      ::_exit(0);
    }
    if (pid < 0) {
      const Reply reply = Failed{Error::last_system("start a warden")};
      const std::string text = encode(reply);
      (void)sys::send_message(job->control.ref(), std::as_bytes(std::span(text)));
      return;
    }
    wardens_[pid] = id;
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

  HostReport host_;
  Fd init_;
  bool is_once_;
  std::map<pid_t, std::string> wardens_;  ///< pid -> id of the sandbox
};

Result<> launch_all(bool is_once) {
  // Root's supplementary groups would stay with every sandbox: setgroups is denied once a user namespace exists.
  if (::geteuid() == 0 && ::setgroups(0, nullptr) < 0) return Error::last_system("drop the supplementary groups");
  const std::string folder = TRY(sys::program_folder());
  const Fd program = TRY(sys::open(folder + "/brig-init", O_RDONLY).context("find brig-init beside brig-launch"));
  Fd init = TRY(sys::sealed_copy(program.ref(), "brig-init"));
  return Launcher(report_host(), std::move(init), is_once).run();
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_once = argc > 1 && std::string_view(argv[1]) == "--once";
  if (::fcntl(kLaunchSocketFd, F_SETFD, FD_CLOEXEC) < 0) {
    std::fputs("brig-launch is started by brig; it has nothing to offer to people\n", stderr);
    return 2;
  }
  const auto result = launch_all(is_once);
  if (!result.has_value()) {
    std::fprintf(stderr, "brig-launch: %s\n", result.error().message().c_str());
    return 1;
  }
  return 0;
}
