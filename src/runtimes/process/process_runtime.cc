#include "runtimes/process/process_runtime.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "async/stream.h"
#include "base/buffer.h"
#include "runtimes/process/compile.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/launcher.h"
#include "runtimes/process/probe.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::process {
namespace {

/// The next message of a warden. kUnavailable if the warden is gone.
Task<Reply> next_reply(FdRef control) {
  Buffer buffer(sys::kMaxMessage);
  while (true) {
    auto message = sys::receive_message(control, buffer.bytes());
    if (!message.has_value() && message.error().os_error() == EAGAIN) {
      CO_TRY_VOID(co_await wait_readable(control));
      continue;
    }
    if (!message.has_value()) co_return std::move(message).error();
    if (message->size == 0)
      co_return Error(Code::kUnavailable, "the process that watched the sandbox (brig-launch) is gone");
    co_return decode_reply({reinterpret_cast<const char*>(buffer.bytes().data()), message->size});
  }
}

Result<> ask(FdRef control, Ask what) {
  const auto byte = static_cast<std::byte>(what);
  return sys::send_message(control, std::span(&byte, 1));
}

class ProcessCell final : public runtime::Cell {
 public:
  ProcessCell(std::string id, Fd control, Fd channel, runtime::Attestation attestation, sys::CgroupTree cgroups)
      : id_(std::move(id)), control_(std::move(control)), channel_(std::move(channel)),
        attestation_(std::move(attestation)), cgroups_(std::move(cgroups)) {}

  Fd take_channel() override { return std::move(channel_); }
  [[nodiscard]] const runtime::Attestation& attestation() const override { return attestation_; }

  Task<runtime::CellReport> stats() override {
    if (!control_.is_open()) co_return Error(Code::kUnavailable, "the sandbox is gone");
    CO_TRY_VOID(ask(control_.ref(), Ask::kStats));
    CO_TRY(const Reply reply, co_await next_reply(control_.ref()));
    if (const auto* stats = std::get_if<Stats>(&reply)) co_return stats->report;
    if (const auto* ended = std::get_if<Ended>(&reply)) remember(ended->report);
    co_return Error(Code::kUnavailable, "the sandbox is gone");
  }

  Task<> pause() override { co_return unsupported("pause"); }
  Task<> resume() override { co_return unsupported("resume"); }

  Task<runtime::CellReport> destroy() override {
    if (report_.has_value()) co_return *report_;
    (void)ask(control_.ref(),
              Ask::kDestroy);  // if the warden has ended already, its last message is still there to be read
    while (true) {
      auto reply = co_await next_reply(control_.ref());
      if (!reply.has_value()) break;
      const auto* ended = std::get_if<Ended>(&*reply);
      if (ended == nullptr) continue;
      remember(ended->report);
      co_return *report_;
    }
    // The warden was killed, by the kernel's timer or by somebody. Its sandbox died with it; the group is left to us.
    if (cgroups_.has_all()) CO_TRY_VOID(sys::remove_cgroup(cgroups_, id_));
    runtime::CellReport lost;
    lost.has_expired = true;
    remember(lost);
    co_return lost;
  }

 private:
  static Error unsupported(std::string_view what) {
    return Error(Code::kUnsupported, "the process wall cannot " + std::string(what) + " a sandbox");
  }
  void remember(const runtime::CellReport& report) {
    report_ = report;
    control_.reset();
  }

  std::string id_;
  Fd control_;  ///< closing it ends the sandbox
  Fd channel_;
  runtime::Attestation attestation_;
  sys::CgroupTree cgroups_;
  std::optional<runtime::CellReport> report_;
};

/// A mount's source, opened with the rights of whoever asks, and its true path.
struct OpenedMount {
  Fd fd;
  LaunchMount mount;
};

Result<OpenedMount> open_mount(const policy::Mount& wanted) {
  OpenedMount opened;
  opened.fd = TRY(sys::open(wanted.from.text(), O_PATH));
  struct stat info = {};
  if (::fstat(opened.fd.get(), &info) < 0) return Error::last_system("look at " + wanted.from.text());
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    return Error(Code::kInvalidArgument,
                 wanted.from.text() +
                     " is neither a file nor a folder; devices, sockets and pipes cannot be shown to a sandbox");
  }
  std::array<char, 4096> path;
  const std::string link = "/proc/self/fd/" + std::to_string(opened.fd.get());
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  if (length <= 0) return Error::last_system("resolve " + wanted.from.text());
  opened.mount = {.host = std::string(path.data(), static_cast<std::size_t>(length)),
                  .path = wanted.to.text().substr(1),
                  .is_folder = S_ISDIR(info.st_mode),
                  .is_writable = wanted.access == policy::Access::kReadWrite};
  return opened;
}

LaunchRequest request_for(const runtime::CellSpec& spec) {
  const policy::Limits& limits = spec.policy.limits;
  LaunchRequest request;
  request.id = spec.id;
  request.memory = limits.memory;
  request.cpu_millis = limits.cpu_millis;
  request.pids = limits.pids + 1;  // the agent is not the guest's
  request.open_files = limits.open_files;
  if (limits.cpu_time.has_value())
    request.cpu_seconds = static_cast<std::uint64_t>((limits.cpu_time->count() + 999) / 1000);
  request.disk = limits.disk;
  request.inodes = limits.inodes;
  request.lifetime = spec.lifetime;
  return request;
}

/// A child of this process that serves one sandbox as brig-launch would. It keeps nothing of ours open.
Result<sys::Child> fork_launcher(FdRef requests, FdRef null, const HostReport& host, const std::string& launcher) {
  auto child = TRY(sys::clone(0, FdRef()));
  if (child.has_value()) return *std::move(child);
  const std::array<sys::Inherited, 4> fds{{{null, 0}, {null, 1}, {null, 2}, {requests, kLaunchSocketFd}}};
  const bool is_placed = sys::place_descriptors(fds);
  ::syscall(SYS_close_range, static_cast<unsigned>(kLaunchSocketFd + 1), ~0U, 0U);
  ::prctl(PR_SET_NAME, "brig-launch");
  const std::string folder = launcher.substr(0, launcher.rfind('/'));
  const bool is_good =
      is_placed && run_launcher(Fd(kLaunchSocketFd), host, folder, LauncherLife::kOneSandbox).has_value();
  ::_exit(is_good ? 0 : 1);
}

class ProcessRuntime final : public runtime::Runtime {
 public:
  explicit ProcessRuntime(ProcessRuntimeOptions options)
      : options_(std::move(options)), host_(report_abilities()), launcher_started_(start_launcher()) {}
  ProcessRuntime(const ProcessRuntime&) = delete;
  ProcessRuntime& operator=(const ProcessRuntime&) = delete;

  ~ProcessRuntime() override {
    requests_.reset();
    if (!launcher_.is_running()) return;
    // It ends by itself when its socket closes, after taking down what is left; killing it first would leave groups
    // behind.
    constexpr int kPatienceMs = 5000;
    pollfd event{launcher_.pidfd().get(), POLLIN, 0};
    if (::poll(&event, 1, kPatienceMs) <= 0) (void)launcher_.kill(SIGKILL);
    const auto end = launcher_.wait();
    // A launcher for one sandbox is also its warden, and a warden that was killed, at whatever moment, leaves its
    // group.
    const bool is_clean = end.has_value() && !end->is_signal;
    if (!is_clean && only_id_.has_value() && host_.cgroups.has_all())
      (void)sys::remove_cgroup(host_.cgroups, *only_id_);
  }

  [[nodiscard]] std::string_view name() const override { return "process"; }
  [[nodiscard]] runtime::Capabilities capabilities() const override { return {}; }
  [[nodiscard]] std::vector<std::string> cleanup_folders() const override { return sys::cgroup_folders(host_.cgroups); }
  runtime::Probe probe() override { return probe_host(host_, options_.launcher); }

  Result<std::vector<std::string>> admit(const policy::Policy& policy) override {
    if (policy.require != policy::Boundary::kSharedKernel) {
      return Error(Code::kUnsupported,
                   "the process wall is " + std::string(to_string(policy::Boundary::kSharedKernel)) +
                       ", weaker than the " + std::string(to_string(policy.require)) + " that is required");
    }
    if (policy.network.mode != policy::NetworkMode::kNone) {
      return Error(Code::kUnsupported, "the process wall offers no network yet");
    }
    if (!host_.has_user_namespaces) {
      return Error(Code::kUnsupported, "the process wall needs user namespaces: " + host_.why_no_user_namespaces);
    }
    std::vector<std::string> weaknesses = weaknesses_of(policy.limits, host_);
    if (policy.on_weakness == policy::OnWeakness::kRefuse && !weaknesses.empty()) {
      std::string all;
      for (const std::string& weakness : weaknesses) all += (all.empty() ? "" : "; ") + weakness;
      return Error(Code::kUnsupported, "the policy refuses weaknesses, and this host has: " + all);
    }
    return weaknesses;
  }

  Task<std::unique_ptr<runtime::Cell>> create(runtime::CellSpec spec) override {
    CO_TRY(std::vector<std::string> weaknesses, admit(spec.policy));
    if (!launcher_started_.has_value()) co_return launcher_started_.error();
    CO_TRY(auto control_ends, sys::seqpacket_pair());
    CO_TRY(auto channel_ends, sys::stream_pair());
    if (options_.is_single_use) only_id_ = spec.id;
    CO_TRY_VOID(send_request(spec, control_ends.second.ref(), channel_ends.second.ref()));
    control_ends.second.reset();
    channel_ends.second.reset();
    CO_TRY_VOID(sys::set_nonblocking(control_ends.first.ref(), true));
    CO_TRY_VOID(sys::set_nonblocking(channel_ends.first.ref(), true));
    auto reply = co_await next_reply(control_ends.first.ref());
    if (!reply.has_value()) co_return std::move(reply).error().context("make the sandbox");
    if (auto* failed = std::get_if<Failed>(&*reply)) co_return std::move(failed->error).context("make the sandbox");
    auto* ready = std::get_if<Ready>(&*reply);
    if (ready == nullptr) co_return Error(Code::kInternal, "brig-launch answered out of order");
    ready->attestation.weaknesses = std::move(weaknesses);
    co_return std::make_unique<ProcessCell>(spec.id, std::move(control_ends.first), std::move(channel_ends.first),
                                            std::move(ready->attestation), host_.cgroups);
  }

 private:
  /// At construction, so that it starts up while we look at the host and the caller at the task.
  Result<> start_launcher() {
    auto [ours, theirs] = TRY(sys::seqpacket_pair());
    const Fd null = TRY(sys::open("/dev/null", O_RDWR));
    requests_ = std::move(ours);
    // For one sandbox a fork of ourselves does what brig-launch does, without the start of a program (half a
    // millisecond and more).
    if (options_.is_single_use && sys::is_single_threaded()) {
      launcher_ = TRY(fork_launcher(theirs.ref(), null.ref(), host_, options_.launcher));
      return {};
    }
    const FdRef complaints = ::fcntl(STDERR_FILENO, F_GETFD) < 0 ? null.ref() : FdRef(STDERR_FILENO);
    const std::vector<sys::Inherited> fds{
        {null.ref(), 0}, {null.ref(), 1}, {complaints, 2}, {theirs.ref(), kLaunchSocketFd}};
    launcher_ = TRY(sys::spawn(options_.launcher, {}, {}, fds));
    return {};
  }

  Result<> send_request(const runtime::CellSpec& spec, FdRef control, FdRef channel) {
    LaunchRequest request = request_for(spec);
    std::vector<FdRef> fds{control, channel};
    std::vector<Fd> opened;
    for (const policy::Mount& wanted : spec.policy.mounts) {
      OpenedMount mount = TRY(open_mount(wanted));
      request.mounts.push_back(std::move(mount.mount));
      opened.push_back(std::move(mount.fd));
      fds.push_back(opened.back().ref());
    }
    const std::string bytes = encode(request);
    return sys::send_message(requests_.ref(), std::as_bytes(std::span(bytes)), fds).context("ask brig-launch");
  }

  ProcessRuntimeOptions options_;
  sys::Child launcher_;
  Fd requests_;
  HostReport host_;
  Result<> launcher_started_;
  std::optional<std::string> only_id_;  ///< single use: the one sandbox that was asked for
};

}  // namespace

std::unique_ptr<runtime::Runtime> make_process_runtime(ProcessRuntimeOptions options) {
  return std::make_unique<ProcessRuntime>(std::move(options));
}

}  // namespace brig::runtimes::process
