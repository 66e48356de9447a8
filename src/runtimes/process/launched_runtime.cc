#include "runtimes/process/launched_runtime.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "runtimes/process/launch.h"
#include "runtimes/process/launcher.h"
#include "runtimes/process/process_cell.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::process {
namespace {

/// A mount's source, opened with the rights of whoever asks, and its true path.
struct OpenedMount {
  Fd fd;
  LaunchMount mount;
};

Result<OpenedMount> open_mount(const policy::Mount& wanted) {
  OpenedMount opened;
  const Fd place = TRY(sys::open(wanted.from.text(), O_PATH));  // opens no pipe and no device
  struct stat info = {};
  if (::fstat(place.get(), &info) < 0) return Error::last_system("look at " + wanted.from.text());
  if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    return Error(Code::kInvalidArgument,
                 wanted.from.text() +
                     " is neither a file nor a folder; devices, sockets and pipes cannot be shown to a sandbox");
  }
  std::array<char, 4096> path;
  const std::string link = "/proc/self/fd/" + std::to_string(place.get());
  const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
  if (length <= 0) return Error::last_system("resolve " + wanted.from.text());
  auto file = sys::open(link, O_RDONLY);
  if (!file.has_value()) return Error::system(file.error().os_error(), "read " + wanted.from.text());
  opened.fd = *std::move(file);
  opened.mount = {.host = std::string(path.data(), static_cast<std::size_t>(length)),
                  .path = wanted.to.text().substr(1),
                  .is_folder = S_ISDIR(info.st_mode),
                  .is_writable = wanted.access == policy::Access::kReadWrite};
  return opened;
}

/// What the root is made from, in the order of launch.h; and says so in the request.
Result<std::vector<Fd>> open_root(const runtime::CellSpec& spec, LaunchRequest& request) {
  std::vector<Fd> fds;
  if (spec.root.file.has_value()) {
    request.image = spec.root.digest;
    fds.push_back(TRY(sys::open(spec.root.file->text(), O_RDONLY).context("open the template " + spec.root.name)));
  }
  if (!spec.writable.has_value()) return fds;
  request.is_writable = true;
  request.layers = static_cast<std::uint32_t>(spec.writable->layers.size());
  if (request.layers > kMaxLayers) {
    return Error(Code::kInvalidArgument,
                 "a build has at most " + std::to_string(kMaxLayers) + " steps that change files: join some of them");
  }
  for (const HostPath& layer : spec.writable->layers)
    fds.push_back(TRY(sys::open(layer.text(), O_RDONLY | O_DIRECTORY).context("open an earlier step's changes")));
  fds.push_back(
      TRY(sys::open(spec.writable->changes.text(), O_RDONLY | O_DIRECTORY).context("open the build's folder")));
  return fds;
}

/// A child of this process that serves one sandbox as brig-launch would. It keeps nothing of ours open.
Result<sys::Child> fork_launcher(FdRef requests, FdRef null, const HostReport& host, const std::string& launcher,
                                 Makers makers) {
  auto child = TRY(sys::clone(0, FdRef()));
  if (child.has_value()) return *std::move(child);
  const std::array<sys::Inherited, 4> fds{{{null, 0}, {null, 1}, {null, 2}, {requests, kLaunchSocketFd}}};
  const bool is_placed = sys::place_descriptors(fds);
  ::syscall(SYS_close_range, static_cast<unsigned>(kLaunchSocketFd + 1), ~0U, 0U);
  ::prctl(PR_SET_NAME, "brig-launch");
  const std::string folder = launcher.substr(0, launcher.rfind('/'));
  const bool is_good =
      is_placed && run_launcher(Fd(kLaunchSocketFd), host, folder, LauncherLife::kOneSandbox, makers).has_value();
  ::_exit(is_good ? 0 : 1);
}

class LaunchedRuntime final : public runtime::Runtime {
 public:
  LaunchedRuntime(LauncherOptions options, Face face)
      : options_(std::move(options)), face_(std::move(face)), host_(report_abilities()),
        launcher_started_(start_launcher()) {}
  LaunchedRuntime(const LaunchedRuntime&) = delete;
  LaunchedRuntime& operator=(const LaunchedRuntime&) = delete;

  ~LaunchedRuntime() override {
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

  [[nodiscard]] std::string_view name() const override { return face_.name; }
  [[nodiscard]] runtime::Capabilities capabilities() const override {
    return {.may_pause = host_.cgroups.may_freeze(), .may_use_images = host_.is_root};
  }
  [[nodiscard]] std::vector<std::string> cleanup_folders() const override { return sys::cgroup_folders(host_.cgroups); }
  runtime::Probe probe() override { return face_.probe(host_, options_.launcher); }

  Result<std::vector<std::string>> admit(const policy::Policy& policy) override {
    const std::string wall = "the " + face_.name + " wall ";
    if (policy.require > face_.boundary) {
      return Error(Code::kUnsupported, wall + "is " + std::string(to_string(face_.boundary)) + ", weaker than the " +
                                           std::string(to_string(policy.require)) + " that is required");
    }
    if (policy.network.mode != policy::NetworkMode::kNone)
      return Error(Code::kUnsupported, wall + "offers no network yet");
    TRY(face_.is_possible(host_));
    std::vector<std::string> weaknesses = face_.weaknesses(policy.limits, host_);
    if (policy.on_weakness == policy::OnWeakness::kRefuse && !weaknesses.empty()) {
      std::string all;
      for (const std::string& weakness : weaknesses) all += (all.empty() ? "" : "; ") + weakness;
      return Error(Code::kUnsupported, "the policy refuses weaknesses, and this host has: " + all);
    }
    return weaknesses;
  }

  Result<> ready() override {
    TRY(launcher_started_);
    pollfd event{requests_.get(), 0, 0};
    const bool is_gone = ::poll(&event, 1, 0) > 0;  // the other end was closed: nothing else was asked for
    if (is_gone && options_.connect) return start_launcher();
    if (is_gone) return Error(Code::kUnavailable, "brig-launch is gone");
    return {};
  }

  Task<std::unique_ptr<runtime::Cell>> create(runtime::CellSpec spec) override {
    return finish_create(ask_for(spec), spec.id);
  }

 private:
  /// A sandbox that brig-launch is building.
  struct Asked {
    Fd control;
    Fd channel;
    Deadline deadline;
    std::vector<std::string> weaknesses;
  };

  Result<Asked> ask_for(const runtime::CellSpec& spec) {
    Asked asked{.weaknesses = TRY(admit(spec.policy))};
    if (spec.writable.has_value() && face_.wall != Wall::kProcess)
      return Error(Code::kUnsupported, "templates are built behind the process wall, not behind " + face_.name);
    if (spec.writable.has_value() && !host_.is_root)
      return Error(Code::kUnsupported, "only root can make templates: run it with sudo");
    if (spec.root.file.has_value() && !host_.is_root) {
      return Error(Code::kUnsupported, "the template " + spec.root.name +
                                           " is an image, and only root can mount one: use sudo, or the template host");
    }
    TRY(launcher_started_);
    // cleanup_folders() must know them. Who is lent a launcher may not make them: that launcher does.
    if (!options_.connect && host_.cgroups.has_all()) TRY(sys::make_cgroup_folders(host_.cgroups));
    auto [control, their_control] = TRY(sys::seqpacket_pair());
    auto [channel, their_channel] = TRY(sys::stream_pair());
    if (options_.is_single_use) only_id_ = spec.id;
    asked.deadline = deadline_after(spec.lifetime);
    TRY(send_request(spec, their_control.ref(), their_channel.ref()));
    TRY(sys::set_nonblocking(control.ref(), true));
    TRY(sys::set_nonblocking(channel.ref(), true));
    asked.control = std::move(control);
    asked.channel = std::move(channel);
    return asked;
  }

  Task<std::unique_ptr<runtime::Cell>> finish_create(Result<Asked> asked, std::string id) {
    if (!asked.has_value()) co_return std::move(asked).error();
    auto reply = co_await next_reply(asked->control.ref());
    if (!reply.has_value()) co_return std::move(reply).error().context("make the sandbox");
    if (auto* failed = std::get_if<Failed>(&*reply)) co_return std::move(failed->error).context("make the sandbox");
    auto* ready = std::get_if<Ready>(&*reply);
    if (ready == nullptr) co_return Error(Code::kInternal, "brig-launch answered out of order");
    ready->attestation.weaknesses = std::move(asked->weaknesses);
    co_return make_process_cell({.id = std::move(id),
                                 .control = std::move(asked->control),
                                 .channel = std::move(asked->channel),
                                 .attestation = std::move(ready->attestation),
                                 .cgroups = host_.cgroups,
                                 .deadline = asked->deadline});
  }

  /// At construction, so that it starts up while we look at the host and the caller at the task.
  Result<> start_launcher() {
    if (options_.connect) {
      requests_ = TRY(options_.connect());
      return {};
    }
    auto [ours, theirs] = TRY(sys::seqpacket_pair());
    TRY(sys::name_senders(theirs.ref()));
    const Fd null = TRY(sys::open("/dev/null", O_RDWR));
    requests_ = std::move(ours);
    // For one sandbox a fork of ourselves does what brig-launch does, without the start of a program (half a
    // millisecond and more).
    if (options_.is_single_use && sys::is_single_threaded()) {
      launcher_ = TRY(fork_launcher(theirs.ref(), null.ref(), host_, options_.launcher, face_.makers));
      return {};
    }
    const FdRef complaints = ::fcntl(STDERR_FILENO, F_GETFD) < 0 ? null.ref() : FdRef(STDERR_FILENO);
    const std::vector<sys::Inherited> fds{
        {null.ref(), 0}, {null.ref(), 1}, {complaints, 2}, {theirs.ref(), kLaunchSocketFd}};
    launcher_ = TRY(sys::spawn(options_.launcher, {}, {}, fds));
    return {};
  }

  Result<> send_request(const runtime::CellSpec& spec, FdRef control, FdRef channel) {
    LaunchRequest request = request_for(spec, face_.wall);
    std::vector<FdRef> fds{control, channel};
    std::vector<Fd> opened;
    for (const policy::Mount& wanted : spec.policy.mounts) {
      OpenedMount mount = TRY(open_mount(wanted));
      request.mounts.push_back(std::move(mount.mount));
      opened.push_back(std::move(mount.fd));
      fds.push_back(opened.back().ref());
    }
    for (Fd& fd : TRY(open_root(spec, request))) {
      opened.push_back(std::move(fd));
      fds.push_back(opened.back().ref());
    }
    const std::string bytes = encode(request);
    auto sent = sys::send_message(requests_.ref(), std::as_bytes(std::span(bytes)), fds);
    if (!sent && sent.error().code() == Code::kUnavailable && options_.connect) {
      TRY(start_launcher());
      sent = sys::send_message(requests_.ref(), std::as_bytes(std::span(bytes)), fds);
    }
    return std::move(sent).context("ask brig-launch");
  }

  LauncherOptions options_;
  Face face_;
  sys::Child launcher_;
  Fd requests_;
  HostReport host_;
  Result<> launcher_started_;
  std::optional<std::string> only_id_;  ///< single use: the one sandbox that was asked for
};

}  // namespace

LaunchRequest request_for(const runtime::CellSpec& spec, Wall wall) {
  const policy::Limits& limits = spec.policy.limits;
  LaunchRequest request;
  request.id = spec.id;
  request.wall = wall;
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

std::unique_ptr<runtime::Runtime> make_launched_runtime(LauncherOptions options, Face face) {
  return std::make_unique<LaunchedRuntime>(std::move(options), std::move(face));
}

}  // namespace brig::runtimes::process
