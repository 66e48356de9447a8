#include "runtimes/process/launcher.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <vector>

#include "base/buffer.h"
#include "runtimes/process/asker.h"
#include "runtimes/process/image_mount.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/warden.h"
#include "sys/file.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::process {
namespace {

/// Descriptors of a Launch message before those of the mounts: control socket, channel.
constexpr std::size_t kFixedFds = 2;

/// How long after one warden has swept another one does. Every sandbox that lives makes a sweep longer.
constexpr std::chrono::seconds kSweepPause{10};

/// A request that was understood, and what came with it.
struct Job {
  WardenJob warden;
  Fd image;  ///< the file, if the root is made from one
};

/// What comes behind the descriptors of the mounts.
Result<> take_root(Job& job, std::vector<Fd>& fds, const HostReport& host) {
  const LaunchRequest& request = job.warden.request;
  const Asker& asker = job.warden.asker;
  if (request.is_writable) {
    if (!asker.is_own || !host.is_root)
      return Error(Code::kDenied, "only root may make templates: run brig template as root");
    job.warden.build.changes = std::move(fds.back());
    fds.pop_back();
    for (std::uint32_t i = request.layers; i > 0; --i) {
      job.warden.build.layers.push_back(std::move(fds.back()));
      fds.pop_back();
    }
    std::ranges::reverse(job.warden.build.layers);
  }
  if (request.image.empty()) return {};
  job.image = std::move(fds.back());
  fds.pop_back();
  return check_image(asker, job.image.ref(), host);
}

/// Checks everything that can be known without touching a file: that may block, and is for the asker's own warden.
Result<Job> take_job(std::span<const std::byte> bytes, sys::Message& message, const HostReport& host) {
  Job taken;
  WardenJob& job = taken.warden;
  job.asker = TRY(asker_of(message.sender, host));
  job.request = TRY(decode_request({reinterpret_cast<const char*>(bytes.data()), message.size}));
  const std::size_t of_root =
      (job.request.image.empty() ? 0U : 1U) + (job.request.is_writable ? job.request.layers + 1U : 0U);
  if (message.fds.size() != kFixedFds + job.request.mounts.size() + of_root) {
    return Error(Code::kInvalidArgument, "the launch request has too few or too many descriptors");
  }
  // Anything else, handed on to the guest or answered on, would be one more way to reach somebody.
  if (!sys::is_unix_socket(message.fds[0].ref(), SOCK_SEQPACKET) ||
      !sys::is_unix_socket(message.fds[1].ref(), SOCK_STREAM)) {
    return Error(Code::kInvalidArgument, "the launch request's descriptors are not the sockets they should be");
  }
  TRY(take_root(taken, message.fds, host));
  for (std::size_t i = kFixedFds; i < message.fds.size(); ++i) job.mounts.push_back(std::move(message.fds[i]));
  TRY(check_rights(job.asker, job.request.mounts, job.mounts));
  job.request.id = group_name(job.asker, job.request.id);
  job.control = std::move(message.fds[0]);
  job.channel = std::move(message.fds[1]);
  return taken;
}

/// Never waits: who does not read, or is gone, gets no answer.
void refuse(FdRef control, Error error) {
  const std::string bytes = encode(Reply(Failed{std::move(error)}));
  (void)sys::send_message(control, std::as_bytes(std::span(bytes)), {}, sys::IfFull::kFail);
}

void refuse(const sys::Message& message, Error error) {
  if (!message.fds.empty()) refuse(message.fds[0].ref(), std::move(error));
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
  Launcher(Fd requests, HostReport host, Fd init, Makers makers, std::size_t wardens_max)
      : requests_(std::move(requests)), host_(std::move(host)), init_(std::move(init)), makers_(makers),
        wardens_max_(wardens_max) {}

  /// Serves one sandbox in this process.
  Result<> run_one() {
    auto message = TRY(sys::receive_message(requests_.ref(), buffer_.bytes()));
    if (message.size == 0) return {};
    auto job = take_job(buffer_.bytes().first(message.size), message, host_);
    if (!job.has_value()) {
      refuse(message, job.error());
      return std::move(job).error();
    }
    if (auto mounted = mount_image(*job); !mounted) {
      refuse(job->warden.control.ref(), mounted.error());
      return mounted;
    }
    run_warden(std::move(job->warden), host_, init_.ref(), makers_);
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
  /// (launched_runtime.cc).
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
      auto message = sys::receive_message(requests_.ref(), buffer_.bytes());
      if (!message.has_value() && message.error().code() == Code::kInternal)
        continue;  // cut: its descriptors are closed
      if (!message.has_value()) return std::move(message).error();
      // The owner is gone; the wardens see the end of their own sockets. A message without a byte has a sender.
      if (message->size == 0 && !message->sender.has_value()) return {};
      admit(*message);
    }
  }

  void admit(sys::Message& message) {
    auto job = take_job(buffer_.bytes().first(message.size), message, host_);
    if (!job.has_value()) return refuse(message, std::move(job).error());
    const FdRef control = job->warden.control.ref();
    const std::string& id = job->warden.request.id;
    if (wardens_.size() >= wardens_max_) {
      return refuse(control, Error(Code::kExhausted, "brig-launch makes no more than " + std::to_string(wardens_max_) +
                                                         " sandboxes at once"));
    }
    // Two with one group would end each other.
    if (std::ranges::any_of(wardens_, [&](const auto& warden) { return warden.second == id; }))
      return refuse(control, Error(Code::kInvalidArgument, "there is a sandbox " + id + " already"));
    if (auto mounted = mount_image(*job); !mounted) return refuse(control, std::move(mounted).error());
    start_warden(std::move(job->warden));
  }

  /// Here and not in the warden, so that all sandboxes of an image share one mount and its pages.
  Result<> mount_image(Job& job) {
    if (job.image.is_open()) job.warden.image = TRY(images_.mount_of(job.image.ref(), job.warden.request.image, host_));
    return {};
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
    const auto now = std::chrono::steady_clock::now();
    job.sweeps = now >= next_sweep_;
    if (job.sweeps) next_sweep_ = now + kSweepPause;
    const pid_t pid = ::fork();
    if (pid == 0) {
      requests_.reset();
      run_warden(std::move(job), host_, init_.ref(), makers_);
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
      const auto warden = wardens_.extract(pid);
      if (!warden.empty() && !WIFEXITED(status) && host_.cgroups.has_all()) remove_group(warden.mapped());
    }
  }

  /// In a process of its own, which counts as the sandbox's warden until the group is gone: a group that stays busy for
  /// a while must not hold up those who ask for other sandboxes.
  void remove_group(const std::string& id) {
    const pid_t pid = ::fork();
    if (pid > 0) {
      wardens_[pid] = id;
      return;
    }
    (void)sys::remove_cgroup(host_.cgroups, id);
    if (pid == 0) ::_exit(0);
  }

  Fd requests_;
  HostReport host_;
  Fd init_;
  Makers makers_;
  std::size_t wardens_max_;
  ImageMounts images_;
  Buffer buffer_ = Buffer(sys::kMaxMessage);
  std::map<pid_t, std::string> wardens_;  ///< pid -> id of the sandbox
  std::chrono::steady_clock::time_point next_sweep_;
};

}  // namespace

Result<> run_launcher(Fd requests, HostReport host, const std::string& folder, LauncherLife life, Makers makers,
                      std::size_t wardens_max) {
  // A Ctrl-C at the terminal is for brig, which then takes the sandbox down; it must not reach us first.
  if (::setsid() < 0) return Error::last_system("leave the session");
  // A user namespace may not raise the 0 that sudo leaves.
  const rlimit core{.rlim_cur = host.core_limit, .rlim_max = host.core_limit};
  if (::setrlimit(RLIMIT_CORE, &core) < 0) return Error::last_system("set the limit of core files");
  // A sandbox that dies while its plan is written to it is an error to report, not our end.
  if (::signal(SIGPIPE, SIG_IGN) == SIG_ERR) return Error::last_system("ignore SIGPIPE");
  // Root's supplementary groups would stay with every sandbox: setgroups is denied once a user namespace exists. The
  // root of a container may be denied it already; then they are among the weaknesses, like those of an ordinary user.
  if (::geteuid() == 0 && ::setgroups(0, nullptr) < 0 && host.is_root)
    return Error::last_system("drop the supplementary groups");
  const Fd program = TRY(sys::open(folder + "/brig-init", O_RDONLY).context("find brig-init beside brig-launch"));
  Fd init = TRY(sys::sealed_copy(program.ref(), "brig-init"));
  Launcher launcher(std::move(requests), std::move(host), std::move(init), makers, wardens_max);
  return life == LauncherLife::kOneSandbox ? launcher.run_one() : launcher.run_all();
}

}  // namespace brig::runtimes::process
