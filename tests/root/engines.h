#pragma once
/// Engines of the tests' own: a dockerd, and a podman service, each at a private socket and with private folders,
/// started when first asked for and ended with the test program. Nothing of an engine that this machine may have is
/// touched.
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtimes/engine/engine.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::runtimes::engine {

class OwnEngine {
 public:
  /// The error says why there is none: it is not installed, or does not start here.
  static Result<std::unique_ptr<OwnEngine>> start(Kind kind);
  OwnEngine(const OwnEngine&) = delete;
  OwnEngine& operator=(const OwnEngine&) = delete;
  ~OwnEngine();

  [[nodiscard]] const Place& place() const { return place_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] sys::Child& process() { return process_; }
  /// All containers that it knows, in whatever state.
  [[nodiscard]] std::vector<Listed> containers() const;

 private:
  OwnEngine() = default;
  Place place_;
  std::string folder_;
  sys::Child process_;
};

inline std::vector<std::string> command_of(Kind kind, const std::string& folder, const std::string& socket) {
  if (kind == Kind::kDocker) {
    return {"/usr/sbin/dockerd",
            "--data-root=" + folder + "/data",
            "--exec-root=" + folder + "/exec",
            "--pidfile=" + folder + "/pid",
            "--host=unix://" + socket,
            "--bridge=none",
            "--iptables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            "--exec-opt=native.cgroupdriver=cgroupfs"};
  }
  return {"/usr/bin/podman",
          "--root=" + folder + "/data",
          "--runroot=" + folder + "/exec",
          "--tmpdir=" + folder + "/tmp",
          "--cgroup-manager=cgroupfs",
          "--runtime=/usr/sbin/runc",
          "--events-backend=none",
          "system",
          "service",
          "--time=0",
          "unix://" + socket};
}

inline Result<std::unique_ptr<OwnEngine>> OwnEngine::start(Kind kind) {
  std::string folder = "/tmp/brig-" + std::string(name_of(kind)) + "-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return Error::last_system("make a folder for the engine");
  std::unique_ptr<OwnEngine> engine(new OwnEngine());
  engine->folder_ = folder;
  engine->place_ = {.kind = kind, .socket = folder + "/engine.sock"};
  std::vector<std::string> words = command_of(kind, folder, engine->place_.socket);
  if (::access(words.front().c_str(), X_OK) != 0) {
    return Error(Code::kUnavailable, words.front() + " is not installed (scripts/install-deps test)");
  }
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  const Fd log = TRY(sys::open(folder + "/log", O_WRONLY | O_CREAT, 0600));
  const std::vector<sys::Inherited> fds{{null.ref(), 0}, {log.ref(), 1}, {log.ref(), 2}};
  const std::vector<std::string> arguments(words.begin() + 1, words.end());
  const std::vector<std::string> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + folder};
  engine->process_ = TRY(sys::spawn(words.front(), arguments, environment, fds));
  std::optional<Error> last;
  for (int round = 0; round < 300; ++round) {
    const auto about = ask_about(engine->place_);
    if (about) return engine;
    last = about.error();
    if (::kill(engine->process_.pid(), 0) != 0) break;
    ::usleep(100'000);
  }
  const std::string said = sys::read_file(folder + "/log", std::size_t{1} << 20).value_or("");
  return Error(Code::kUnavailable, words.front() + " does not start here: " + last->message() + "; it said " +
                                       said.substr(said.size() - std::min<std::size_t>(said.size(), 600)));
}

/// Processes that have `words` in their command line.
inline std::vector<pid_t> running_with(const std::string& words) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto line = sys::read_file("/proc/" + name + "/cmdline", std::size_t{64} << 10);
    if (line && line->find(words) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

inline OwnEngine::~OwnEngine() {
  if (process_.is_running()) {
    (void)process_.kill(SIGTERM);
    (void)process_.wait();
  }
  // What it has started and could not end itself, because a test has killed it: they name its folder, which is ours.
  for (const pid_t pid : running_with(folder_ + "/")) ::kill(pid, SIGKILL);
  // What an engine leaves mounted in its own folders when it ends: its network namespaces and layers.
  const auto mounts = sys::read_file("/proc/self/mounts", std::size_t{4} << 20);
  for (std::size_t at = mounts ? mounts->find(folder_ + "/") : std::string::npos; at != std::string::npos;
       at = mounts->find(folder_ + "/", at + 1)) {
    (void)::umount2(mounts->substr(at, mounts->find(' ', at) - at).c_str(), MNT_DETACH);
  }
  std::error_code none;
  std::filesystem::remove_all(folder_, none);
}

inline std::vector<Listed> OwnEngine::containers() const {
  Engine engine(place_, "the engine");
  const auto text = engine.ask("GET", "/containers/json?all=1");
  if (!text) return {};
  return read_list(*text).value_or(std::vector<Listed>());
}

}  // namespace brig::runtimes::engine
