#include "runtimes/engine/engine_runtime.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <utility>

#include "runtimes/engine/confirm.h"
#include "runtimes/engine/keeper.h"
#include "runtimes/process/compile.h"
#include "runtimes/process/launched_runtime.h"
#include "runtimes/process/process_cell.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::engine {
namespace {

using process::HostReport;
using runtime::Finding;
using State = Finding::State;

/// In plain words; there is always one: somebody else's daemon is believed.
std::vector<std::string> weaknesses_of(const policy::Limits& limits, const About& about, const HostReport& host) {
  HostReport seen = host;
  seen.is_root = true;  // what is missing without it is said below, as it is with an engine
  seen.has_disk_scratch = false;
  seen.cgroups.memory = seen.cgroups.pids = seen.cgroups.cpu = "/";
  std::vector<std::string> list = process::weaknesses_of(limits, seen);
  list.push_back("engine: " + about.name + " makes the sandbox and " +
                 (about.is_rootless ? "is" : "runs as root, and is") +
                 " believed for what cannot be read back: that the container it names is the one that was asked for");
  if (!about.has_user_namespaces) {
    list.push_back(
        "identity: outside, the code runs as user " + std::to_string(process::kInsideUid) +
        ", as in every sandbox of an engine and perhaps a user of this machine, and not in a user namespace");
  }
  if (!has_cgroup_namespace(about, host)) {
    list.push_back(
        "cgroups: " + about.name +
        " makes no cgroup namespace on cgroup v1; the name of the sandbox's group on this machine can be read");
  }
  list.emplace_back(
      "set-id: the mounts of / and /usr honour set-id bits; that no new privileges can be gained is what keeps them "
      "from "
      "meaning anything");
  list.emplace_back("mounts: the table of mounts inside names the engine's folders on this machine");
  if (!host.is_root || about.has_user_namespaces) {
    list.emplace_back(
        "disk: each of /home/user, /workspace, /tmp and /dev/shm may hold as much as all of them should together, in "
        "any "
        "number of files");
  }
  if (!host.is_root) {
    list.emplace_back(
        "attestation: only root can see a container's namespaces and program; for those the engine was believed");
  }
  return list;
}

/// A keeper, which ends by itself once its owner's socket is closed: after it has removed its container. Dropping it
/// waits for that, and ends by force only one that hangs.
class KeeperProcess {
 public:
  KeeperProcess() = default;
  explicit KeeperProcess(sys::Child child) : child_(std::move(child)) {}
  KeeperProcess(KeeperProcess&&) = default;
  KeeperProcess& operator=(KeeperProcess&&) = default;
  KeeperProcess(const KeeperProcess&) = delete;
  KeeperProcess& operator=(const KeeperProcess&) = delete;
  ~KeeperProcess() {
    constexpr int kPatienceMs = 20'000;
    if (!child_.is_running()) return;
    pollfd event{child_.pidfd().get(), POLLIN, 0};
    (void)::poll(&event, 1, kPatienceMs);
  }

 private:
  sys::Child child_;
};

/// The owner's end of a keeper.
class EngineCell final : public runtime::Cell {
 public:
  EngineCell(KeeperProcess keeper, std::unique_ptr<runtime::Cell> cell)
      : keeper_(std::move(keeper)), cell_(std::move(cell)) {}

  Fd take_channel() override { return cell_->take_channel(); }
  [[nodiscard]] const runtime::Attestation& attestation() const override { return cell_->attestation(); }
  Task<runtime::CellReport> stats() override { return cell_->stats(); }
  Task<> set_lifetime(Milliseconds from_now) override { return cell_->set_lifetime(from_now); }
  Task<> pause() override { return cell_->pause(); }
  Task<> resume() override { return cell_->resume(); }
  Task<runtime::CellReport> destroy() override { return cell_->destroy(); }

 private:
  KeeperProcess keeper_;  ///< goes last: it hears that the cell has gone
  std::unique_ptr<runtime::Cell> cell_;
};

class EngineRuntime final : public runtime::Runtime {
 public:
  EngineRuntime(Kind kind, std::optional<Place> place, std::string init)
      : kind_(kind), place_(std::move(place)), init_(std::move(init)) {}

  [[nodiscard]] std::string_view name() const override { return name_of(kind_); }
  [[nodiscard]] runtime::Capabilities capabilities() const override { return {.may_pause = true, .may_mount = false}; }
  runtime::Probe probe() override;
  Result<std::vector<std::string>> admit(const policy::Policy& policy) override;
  Task<std::unique_ptr<runtime::Cell>> create(runtime::CellSpec spec) override {
    return finish_create(begin(spec), spec.id);
  }

 private:
  /// A sandbox that a keeper is making.
  struct Begun {
    KeeperProcess keeper;
    Fd control;
    Fd channel;
    process::Deadline deadline;
    std::vector<std::string> weaknesses;
  };

  Result<> meet();
  Result<Begun> begin(const runtime::CellSpec& spec);
  static Task<std::unique_ptr<runtime::Cell>> finish_create(Result<Begun> begun, std::string id);

  Kind kind_;
  std::optional<Place> place_;
  std::string init_;
  std::optional<About> about_;
  std::optional<HostReport> host_;
};

/// Once: who the engine is, and what this machine is.
Result<> EngineRuntime::meet() {
  if (about_) return {};
  if (!place_) place_ = TRY(find_place(kind_));
  const About about = TRY(ask_about(*place_));
  if (!about.may_limit) {
    return Error(Code::kUnsupported, about.name + " cannot limit memory, processes and processors here (" +
                                         (about.is_rootless ? "without root it needs cgroup v2 and their delegation"
                                                            : "its cgroup controllers are missing") +
                                         ")");
  }
  host_ = process::report_abilities();
  about_ = about;
  return {};
}

runtime::Probe EngineRuntime::probe() {
  runtime::Probe probe{.is_available = false, .boundary = policy::Boundary::kSharedKernel, .findings = {}};
  if (const auto met = meet(); !met) {
    const bool is_denied = met.error().code() == Code::kDenied;
    probe.findings.push_back({State::kMissing, "engine", met.error().message(),
                              is_denied ? "run brig with sudo" : std::string(mend_for(kind_))});
    return probe;
  }
  probe.findings.push_back({State::kGood, "engine", about_->name + " at " + place_->socket, ""});
  if (::access(init_.c_str(), X_OK) != 0) {
    probe.findings.push_back(
        {State::kMissing, "helpers", init_ + " is missing", "install Brig again (cmake --install build/release)"});
    return probe;
  }
  probe.is_available = true;
  for (const std::string& weakness : weaknesses_of({}, *about_, *host_)) {
    const std::size_t colon = weakness.find(": ");
    probe.findings.push_back({State::kWeak, weakness.substr(0, colon), weakness.substr(colon + 2), ""});
  }
  return probe;
}

Result<std::vector<std::string>> EngineRuntime::admit(const policy::Policy& policy) {
  const std::string wall = "the " + std::string(name()) + " wall ";
  if (policy.require > policy::Boundary::kSharedKernel) {
    return Error(Code::kUnsupported, wall + "is shared-kernel, weaker than the " +
                                         std::string(to_string(policy.require)) + " that is required");
  }
  if (policy.network.mode != policy::NetworkMode::kNone)
    return Error(Code::kUnsupported, wall + "offers no network yet");
  if (!policy.mounts.empty())
    return Error(Code::kUnsupported, wall + "shows no files of this host; they are copied into the sandbox instead");
  if (auto met = meet(); !met) {
    if (met.error().code() != Code::kUnavailable) return std::move(met).error();
    return Error(Code::kUnavailable, met.error().message() + " (" + std::string(mend_for(kind_)) + ")");
  }
  std::vector<std::string> weaknesses = weaknesses_of(policy.limits, *about_, *host_);
  if (policy.on_weakness == policy::OnWeakness::kRefuse)
    return Error(Code::kUnsupported, "the policy refuses weaknesses, and there is one: " + weaknesses.front());
  return weaknesses;
}

/// Everything that needs our rights happens here or in the keeper: the caller may give its own up before it waits.
Result<EngineRuntime::Begun> EngineRuntime::begin(const runtime::CellSpec& spec) {
  Begun begun{.weaknesses = TRY(admit(spec.policy))};
  if (spec.root.file || spec.writable) {
    return Error(Code::kUnsupported, "the " + std::string(name()) + " wall cannot use images, and the template " +
                                         spec.root.name + " is one: use the template host");
  }
  if (!sys::is_single_threaded())
    return Error(Code::kUnsupported, "the walls of engines are for programs with one thread: they fork");
  auto [control, their_control] = TRY(sys::seqpacket_pair());
  auto [channel, their_channel] = TRY(sys::stream_pair());
  begun.deadline = process::deadline_after(spec.lifetime);
  KeeperJob job{.order = {.place = *place_,
                          .about = *about_,
                          .request = process::request_for(spec, process::Wall::kRunc),
                          .host = *host_,
                          .init = init_},
                .control = std::move(their_control),
                .guest = std::move(their_channel),
                .talk = {}};
  auto child = TRY(sys::clone(0, FdRef()));
  if (!child) {
    ::prctl(PR_SET_NAME, "brig-keeper");
    // Ctrl-C reaches every process of a terminal; a keeper ends when its owner does, after it has removed everything.
    sys::reset_signals();
    for (const int signal : {SIGINT, SIGHUP, SIGQUIT, SIGTERM, SIGPIPE}) (void)::signal(signal, SIG_IGN);
    job.talk = std::move(channel);
    sys::close_all_but(std::array{job.control.ref(), job.guest.ref(), job.talk.ref()});
    run_keeper(std::move(job));
    ::_exit(0);
  }
  TRY(sys::set_nonblocking(control.ref(), true));
  TRY(sys::set_nonblocking(channel.ref(), true));
  begun.keeper = KeeperProcess(*std::move(child));
  begun.control = std::move(control);
  begun.channel = std::move(channel);
  return begun;
}

Task<std::unique_ptr<runtime::Cell>> EngineRuntime::finish_create(Result<Begun> begun, std::string id) {
  if (!begun) co_return std::move(begun).error();
  auto reply = co_await process::next_reply(begun->control.ref());
  if (!reply) co_return std::move(reply).error().context("make the sandbox");
  if (auto* failed = std::get_if<process::Failed>(&*reply))
    co_return std::move(failed->error).context("make the sandbox");
  auto* ready = std::get_if<process::Ready>(&*reply);
  if (ready == nullptr) co_return Error(Code::kInternal, "the keeper answered out of order");
  ready->attestation.weaknesses = std::move(begun->weaknesses);
  auto cell = process::make_process_cell({.id = std::move(id),
                                          .control = std::move(begun->control),
                                          .channel = std::move(begun->channel),
                                          .attestation = std::move(ready->attestation),
                                          .cgroups = {},
                                          .deadline = begun->deadline});
  co_return std::make_unique<EngineCell>(std::move(begun->keeper), std::move(cell));
}

}  // namespace

std::unique_ptr<runtime::Runtime> make_engine_runtime(Kind kind, std::string init) {
  return std::make_unique<EngineRuntime>(kind, std::nullopt, std::move(init));
}

std::unique_ptr<runtime::Runtime> make_engine_runtime(Place place, std::string init) {
  const Kind kind = place.kind;
  return std::make_unique<EngineRuntime>(kind, std::move(place), std::move(init));
}

std::vector<runtime::Walls::Offer> engine_walls(std::function<Result<std::string>()> init) {
  std::vector<runtime::Walls::Offer> offers;
  for (const Kind kind : {Kind::kDocker, Kind::kPodman}) {
    offers.push_back({std::string(name_of(kind)), [kind, init]() -> Result<std::unique_ptr<runtime::Runtime>> {
                        return make_engine_runtime(kind, TRY(init()));
                      }});
  }
  return offers;
}

bool is_engine_wall(std::string_view name) { return name == name_of(Kind::kDocker) || name == name_of(Kind::kPodman); }

}  // namespace brig::runtimes::engine
