#include "keeper.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <vector>

#include "../brig/helper.h"
#include "../brig/options.h"
#include "base/units.h"
#include "daemon.h"
#include "image/order.h"
#include "runtimes/oci/oci_runtime.h"
#include "runtimes/process/launch.h"
#include "sys/confine.h"
#include "sys/file.h"
#include "sys/kernel.h"
#include "sys/process.h"
#include "sys/seqpacket.h"

namespace brig::daemon {
namespace {

using Clock = std::chrono::steady_clock;

/// A daemon that ends sooner than this after its start, that many times in a row, is not started again: it would fail
/// the same way.
constexpr std::chrono::seconds kTooSoon{2};
constexpr int kTooSoonMost = 3;
/// How long the daemon may take to end its sandboxes when it is told to stop.
constexpr std::chrono::seconds kStopPatience{30};
/// And how long what makes templates may tidy up when the daemon is gone.
constexpr int kBuilderPatienceMs = 3000;

/// What the daemon asks for.
constexpr std::byte kLauncherPlease{1};
constexpr std::byte kBuilderPlease{2};

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// Whom the daemon becomes: with root's privileges somebody else, otherwise who we are.
Result<Identity> identity_of(const Settings& settings) {
  if (::geteuid() != 0) {
    if (!settings.user.empty()) return Error(Code::kInvalidArgument, "--user: only root can become somebody else");
    return Identity{.uid = ::geteuid(), .gid = ::getegid()};
  }
  if (settings.user.empty()) return Identity{.uid = kDaemonId, .gid = kDaemonId};
  errno = 0;
  const passwd* entry = ::getpwnam(settings.user.c_str());  // NOLINT(concurrency-mt-unsafe): one thread
  if (entry == nullptr) return Error(Code::kNotFound, "--user: there is no user " + settings.user + " here");
  if (entry->pw_uid == 0) return Error(Code::kInvalidArgument, "--user: the daemon does not run as root");
  return Identity{.uid = entry->pw_uid, .gid = entry->pw_gid};
}

/// Gives the daemon a folder that is root's and empty: as we made it, or as systemd makes its StateDirectory.
Result<> hand_over(const std::string& path, Identity identity) {
  const Fd folder = TRY(sys::open(path, O_RDONLY | O_DIRECTORY));
  struct stat status{};
  if (::fstat(folder.get(), &status) < 0) return Error::last_system("look at " + path);
  std::error_code failure;
  const bool is_empty = std::filesystem::is_empty(path, failure);
  if (status.st_uid != 0 || failure || !is_empty) return {};  // whose it is otherwise, the store judges
  if (::fchown(folder.get(), identity.uid, identity.gid) < 0)
    return Error::last_system("give the state folder " + path + " to the daemon");
  return {};
}

/// What goes with the daemon has nothing in it that was there before.
Result<> expect_nothing_in(const std::string& path) {
  std::error_code failure;
  if (!std::filesystem::exists(path, failure) && !failure) return {};
  if (std::filesystem::is_empty(path, failure) && !failure) return {};
  return Error(Code::kInvalidArgument, "--temporary-state: the state folder " + path +
                                           " holds something, or cannot be read, and would be removed at the end: "
                                           "name one that does not exist");
}

/// The state folder, made if it is missing, the daemon's own.
Result<> prepare_folder(const std::string& path, Identity identity) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    const bool is_last = at == std::string::npos;
    if (::mkdir(part.c_str(), is_last ? 0700 : 0755) < 0 && errno != EEXIST)
      return Error::last_system("make the state folder " + part);
    if (is_last) return hand_over(part, identity);
  }
}

/// The templates' folder, made if it is missing, so that what is made later can be read by a daemon that is confined by
/// then. It stays whose it is: the daemon never writes there. Without it there is the host's own template only.
void prepare_templates(const HostPath& path) {
  const std::string& text = path.text();
  for (std::size_t at = text.find('/', 1);; at = text.find('/', at + 1)) {
    (void)::mkdir(text.substr(0, at).c_str(), 0755);
    if (at == std::string::npos) return;
  }
}

/// For good. The daemon reads what clients and guests send, and owns nothing: its id, its state folder, the sockets
/// that it was given. What it opened before stays usable.
Result<> become(Identity identity, const Settings& settings) {
  if (::geteuid() == 0) {
    // While it still may: without the right to, nobody can.
    for (unsigned long capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
    }
    if (::setgroups(0, nullptr) < 0) return Error::last_system("drop the supplementary groups");
    if (::setresgid(identity.gid, identity.gid, identity.gid) < 0)
      return Error::last_system("become the daemon's group");
    if (::setresuid(identity.uid, identity.uid, identity.uid) < 0)
      return Error::last_system("become the daemon's user");
  }
  const std::vector<std::string> writable{settings.state_dir};
  const std::vector<std::string> usable{"/dev/null"};
  const std::vector<std::string> readable{"/dev/urandom", "/sys/fs/cgroup", settings.templates_dir.text()};
  TRY(sys::confine_self({.writable = writable, .usable = usable, .readable = readable, .has_network = false}));
  // What the kernel says, not what we asked for.
  if (sys::landlock_abi() > 0 && sys::open("/", O_RDONLY | O_DIRECTORY))
    return Error(Code::kInternal, "the daemon can still read everything: Landlock does not hold");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return Error::last_system("forbid core dumps");
  return {};
}

void raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);  // what is refused here shows as a typed error later
}

/// The one brig-launch of a daemon, shared by its walls: the keeper ends the one that runs when it is asked for
/// another, so each asking for its own would have them end each other's.
class SharedLauncher {
 public:
  explicit SharedLauncher(FdRef keeper) : keeper_(keeper) {}

  /// A descriptor of the same socket for each; of a new launcher if the last one is gone.
  Result<Fd> connect() {
    pollfd event{socket_.get(), 0, 0};
    const bool is_gone = !socket_.is_open() || ::poll(&event, 1, 0) > 0;  // only that its other end was closed
    if (is_gone) socket_ = TRY(ask_for_launcher(keeper_));
    Fd copy(::fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy.is_open()) return Error::last_system("copy the launcher's socket");
    return copy;
  }

 private:
  FdRef keeper_;
  Fd socket_;
};

/// The walls of this daemon, fastest first: the one place of `brigd` that names concrete ones.
runtime::Walls make_walls(FdRef keeper) {
  return runtime::Walls(runtimes::oci::launched_walls(
      [launcher = std::make_shared<SharedLauncher>(keeper)]() -> Result<runtimes::process::LauncherOptions> {
        return runtimes::process::LauncherOptions{.launcher = TRY(sys::program_folder()) + "/brig-launch",
                                                  .connect = [launcher] { return launcher->connect(); }};
      }));
}

class Keeper {
 public:
  Keeper(const Settings& settings, Identity identity) : settings_(settings), identity_(identity) {}

  Result<int> run();

 private:
  Result<> start_daemon();
  Result<int> be_daemon(Inheritance inheritance);
  Result<Fd> start_launcher();
  Result<Fd> start_builder();
  Result<Fd> replace_launcher();
  Result<Fd> replace_builder();
  Result<Fd> replace(std::span<const std::byte> please);
  void end_builder();
  [[nodiscard]] std::string why_no_builder() const;
  Result<int> watch();
  Result<std::optional<int>> on_signal();
  Result<std::optional<int>> on_daemon_end();
  Result<> on_request();
  void answer(FdRef fd);

  const Settings& settings_;
  Identity identity_;
  std::vector<Fd> listeners_;
  Fd signals_;
  Fd daemon_socket_;  ///< our end
  sys::Child daemon_;
  sys::Child launcher_;
  sys::Child builder_;
  Clock::time_point daemon_started_;
  int ended_too_soon_ = 0;  ///< in a row
  std::optional<Clock::time_point> stop_by_;
};

Result<Fd> Keeper::start_launcher() {
  auto [ours, theirs] = TRY(sys::seqpacket_pair());
  TRY(sys::name_senders(theirs.ref()));
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  const FdRef complaints(STDERR_FILENO);
  const std::vector<sys::Inherited> fds{
      {null.ref(), 0}, {null.ref(), 1}, {complaints, 2}, {theirs.ref(), runtimes::process::kLaunchSocketFd}};
  launcher_ = TRY(sys::spawn(TRY(sys::program_folder()) + "/brig-launch", {}, {}, fds));
  return std::move(ours);
}

/// Nothing if templates can be made over the API, else why not, for those who ask.
std::string Keeper::why_no_builder() const {
  constexpr const char* kInstead =
      ": brig template build NAME -f Dockerfile, or brig template import FILE, makes one where the daemon runs";
  if (settings_.builds.at_once == 0)
    return std::string("this daemon makes no templates over the API (--template-builds 0)") + kInstead;
  if (::geteuid() != 0)
    return std::string("only a daemon that was started as root makes templates over the API") + kInstead;
  if (!cli::find_helper("brig-template")) return "the program brig-template is not installed beside the daemon";
  return "";
}

/// It reads what clients sent in sandboxes only, but has root's rights itself: so its bounds are given here, and not by
/// the daemon.
Result<Fd> Keeper::start_builder() {
  if (!why_no_builder().empty()) return Error(Code::kUnsupported, why_no_builder());
  auto [ours, theirs] = TRY(sys::seqpacket_pair());
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  const std::vector<sys::Inherited> fds{
      {null.ref(), 0}, {null.ref(), 1}, {FdRef(STDERR_FILENO), 2}, {theirs.ref(), image::kOrdersFd}};
  const std::vector<std::string> arguments{"serve",
                                           "--templates-dir",
                                           settings_.templates_dir.text(),
                                           "--at-once",
                                           std::to_string(settings_.builds.at_once),
                                           "--input",
                                           format(settings_.builds.upload),
                                           "--time",
                                           format(settings_.builds.time)};
  const std::vector<std::string> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
  builder_ = TRY(sys::spawn(TRY(cli::find_helper("brig-template")), arguments, environment, fds));
  return std::move(ours);
}

/// Its other end is closed, or is going to be of no use: it removes what builds have left, and ends.
void Keeper::end_builder() {
  if (!builder_.is_running()) return;
  pollfd end{builder_.pidfd().get(), POLLIN, 0};
  (void)::poll(&end, 1, kBuilderPatienceMs);
  (void)builder_.kill(SIGKILL);
  (void)builder_.wait();
}

Result<> Keeper::start_daemon() {
  auto [ours, theirs] = TRY(sys::seqpacket_pair());
  std::vector<Fd> listeners;
  for (const Fd& listener : listeners_) {
    Fd copy(::fcntl(listener.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy.is_open()) return Error::last_system("copy a listening socket");
    listeners.push_back(std::move(copy));
  }
  auto child = TRY(sys::clone(0, FdRef()));
  if (child) {
    daemon_ = *std::move(child);
    daemon_socket_ = std::move(ours);
    daemon_started_ = Clock::now();
    return {};
  }
  // In the daemon. It dies with the keeper.
  ::prctl(PR_SET_NAME, "brigd");
  listeners_.clear();
  signals_.reset();
  ours.reset();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const auto code = be_daemon({.listeners = std::move(listeners),
                               .keeper = std::move(theirs),
                               .walls = runtime::Walls({}),
                               .tls = {},
                               .why_no_builder = why_no_builder()});
  if (!code) cli::complain(code.error().message());
  ::_exit(code ? *code : 125);
}

/// Never returns to the keeper's own work.
Result<int> Keeper::be_daemon(Inheritance inheritance) {
  inheritance.walls = make_walls(inheritance.keeper.ref());
  // What works here is found out while the privileges are there, and never asked again.
  for (const std::string& name : inheritance.walls.names()) (void)inheritance.walls.probe(name);
  // While the privileges are there: a private key is readable by root alone.
  if (!settings_.tls_certificate.empty())
    inheritance.tls = TRY(http::TlsContext::server(settings_.tls_certificate, settings_.tls_key));
  TRY(become(identity_, settings_));
  ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);  // after the change of ids, which clears it
  return run_daemon(settings_, std::move(inheritance));
}

Result<int> Keeper::run() {
  if (settings_.has_temporary_state) TRY(expect_nothing_in(settings_.state_dir));
  TRY(prepare_folder(settings_.state_dir, identity_));
  prepare_templates(settings_.templates_dir);
  raise_open_files();
  for (const http::Endpoint& endpoint : settings_.listen) {
    listeners_.push_back(TRY(http::listen_on(endpoint)));
    if (endpoint.is_unix && ::lchown(endpoint.path.c_str(), ::geteuid(), identity_.gid) < 0)
      return Error::last_system("set the owner of " + endpoint.path);
  }
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) < 0) return Error::last_system("block signals");
  signals_ = Fd(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!signals_.is_open()) return Error::last_system("make a signalfd");
  TRY(start_daemon());
  const int code = TRY(watch());
  // After an end that was none as it should be, somebody will want to look.
  if (settings_.has_temporary_state && code == 0) TRY(sys::remove_tree(settings_.state_dir));
  return code;
}

Result<int> Keeper::watch() {
  while (true) {
    int patience = -1;
    if (stop_by_) {
      const auto left = std::chrono::duration_cast<Milliseconds>(*stop_by_ - Clock::now());
      if (left.count() <= 0) (void)daemon_.kill(SIGKILL);
      patience = static_cast<int>(std::max<std::int64_t>(0, left.count()) + 10);
    }
    std::array<pollfd, 3> events{pollfd{signals_.get(), POLLIN, 0}, pollfd{daemon_.pidfd().get(), POLLIN, 0},
                                 pollfd{daemon_socket_.get(), POLLIN, 0}};
    if (::poll(events.data(), events.size(), patience) < 0) {
      if (errno == EINTR) continue;
      return Error::last_system("poll");
    }
    if (events[1].revents != 0) {
      if (const auto code = TRY(on_daemon_end())) return *code;
      continue;
    }
    if (events[0].revents != 0) TRY(on_signal());
    if (events[2].revents != 0) TRY(on_request());
  }
}

Result<std::optional<int>> Keeper::on_signal() {
  signalfd_siginfo info;
  if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::optional<int>();
  (void)daemon_.kill(SIGTERM);
  if (!stop_by_) stop_by_ = Clock::now() + kStopPatience;
  return std::optional<int>();
}

Result<std::optional<int>> Keeper::on_daemon_end() {
  const auto end = TRY(daemon_.wait());
  daemon_socket_.reset();
  end_builder();
  if (stop_by_ || !end.is_signal) return std::optional(end.is_signal ? 128 + end.value : end.value);
  ended_too_soon_ = Clock::now() - daemon_started_ < kTooSoon ? ended_too_soon_ + 1 : 0;
  if (ended_too_soon_ == kTooSoonMost) return std::optional(128 + end.value);
  cli::complain("the daemon was ended by signal " + std::to_string(end.value) +
                "; its sandboxes are gone, and another one starts");
  TRY(start_daemon());
  return std::optional<int>();
}

Result<Fd> Keeper::replace_launcher() {
  if (launcher_.is_running()) {
    (void)launcher_.kill(SIGTERM);
    (void)launcher_.wait();
  }
  return start_launcher().context("no launcher");
}

Result<Fd> Keeper::replace_builder() {
  if (builder_.is_running()) {
    (void)builder_.kill(SIGKILL);
    (void)builder_.wait();
  }
  return start_builder().context("no builder");
}

/// What one byte asks for. The daemon reads what strangers send: nothing is started, or ended, for anything else.
Result<Fd> Keeper::replace(std::span<const std::byte> please) {
  if (please.size() == 1 && please.front() == kLauncherPlease) return replace_launcher();
  if (please.size() == 1 && please.front() == kBuilderPlease) return replace_builder();
  return Error(Code::kInvalidArgument, "the daemon asked its keeper for something unknown");
}

Result<> Keeper::on_request() {
  std::array<std::byte, 8> buffer;
  const auto message = sys::receive_message(daemon_socket_.ref(), buffer);
  if (!message || message->size == 0) {  // the daemon's end comes as that of its process
    (void)::poll(nullptr, 0, 10);
    return {};
  }
  const auto requests = replace(std::span(buffer).first(message->size));
  // Of processes or memory there may be more in a moment; the daemon asks again.
  if (!requests) cli::complain(requests.error().message());
  answer(requests ? requests->ref() : FdRef());
  return {};
}

/// Never waits: a daemon that asks and does not listen is not ours any more.
void Keeper::answer(FdRef fd) {
  const std::byte byte{1};
  const auto fds = std::span(&fd, fd.is_open() ? 1U : 0U);
  const auto sent = sys::send_message(daemon_socket_.ref(), std::span(&byte, 1), fds, sys::IfFull::kFail);
  if (sent || sent.error().os_error() != EAGAIN) return;
  cli::complain("the daemon asks and does not read the answers: it is ended");
  (void)daemon_.kill(SIGKILL);
}

Result<Fd> ask_for(FdRef keeper, std::byte please, const std::string& what) {
  TRY(sys::send_message(keeper, std::span(&please, 1)).context("ask for " + what));
  std::array<std::byte, 8> buffer;
  auto message = TRY(sys::receive_message(keeper, buffer).context("get " + what));
  if (message.fds.size() != 1) return Error(Code::kUnavailable, what + " is not to be had");
  return std::move(message.fds.front());
}

}  // namespace

int keep(const Settings& settings) {
  const auto identity = identity_of(settings);
  if (!identity) return cli::usage_error(identity.error().message());
  if (settings.ends_with_parent && ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0) {
    cli::complain(Error::last_system("--end-with-parent").message());
    return 125;
  }
  const auto code = Keeper(settings, *identity).run();
  if (code) return *code;
  cli::complain(code.error().message());
  return 125;
}

Result<Fd> ask_for_launcher(FdRef keeper) { return ask_for(keeper, kLauncherPlease, "a launcher"); }

Result<Fd> ask_for_builder(FdRef keeper) { return ask_for(keeper, kBuilderPlease, "what makes templates"); }

}  // namespace brig::daemon
