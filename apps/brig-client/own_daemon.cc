#include "own_daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include <boost/json/value.hpp>

#include "json/json.h"
#include "sys/file.h"

namespace brig::client {
namespace {

constexpr std::size_t kLogMost = std::size_t{1} << 20;
constexpr int kTries = 1'000;
constexpr int kPause = 20;  // milliseconds

/// Where the log says that it listens: the TCP address, once the Unix socket, which is the last, is there too.
std::string address_in(std::string_view log) {
  std::string address;
  bool is_all = false;
  while (!log.empty()) {
    const auto end = log.find('\n');
    const auto line = json::parse(log.substr(0, end));
    log.remove_prefix(end == std::string_view::npos ? log.size() : end + 1);
    if (!line || !line->is_object() || !line->as_object().contains("at")) continue;
    const boost::json::value& at = line->as_object().at("at");
    if (!at.is_string()) continue;
    if (at.as_string().starts_with("unix:")) is_all = true;
    else address = std::string(at.as_string());
  }
  return is_all ? address : std::string();
}

/// A file without a name: nobody has to remove it.
Result<Fd> open_log(const std::string& place) {
  std::string path = place + "/brig-log-XXXXXX";
  Fd file(::mkostemp(path.data(), O_APPEND | O_CLOEXEC));
  if (!file.is_open()) return Error::last_system("make a log for the daemon");
  ::unlink(path.c_str());
  return file;
}

}  // namespace

Result<std::unique_ptr<OwnDaemon>> OwnDaemon::start(const std::string& what, const std::vector<std::string>& flags,
                                                    std::string programs) {
  if (programs.empty()) programs = TRY(sys::program_folder());
  auto daemon = std::unique_ptr<OwnDaemon>(new OwnDaemon);
  const std::string place = std::filesystem::temp_directory_path();
  std::string folder = place + "/brig-" + what + "-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return Error::last_system("make a folder for the daemon");
  daemon->folder_ = folder;
  daemon->log_ = TRY(open_log(place));
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  // The folder goes with the daemon, also if we are killed and remove nothing.
  std::vector<std::string> arguments{"--listen", "127.0.0.1:0", "--temporary-state", "--state-dir", folder};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const std::vector<sys::Inherited> fds{{null.ref(), 0}, {null.ref(), 1}, {daemon->log_.ref(), 2}};
  daemon->keeper_ = TRY(sys::spawn(programs + "/brigd", arguments, {}, fds));
  TRY(daemon->wait_until_it_listens());
  return daemon;
}

Result<> OwnDaemon::wait_until_it_listens() {
  for (int i = 0; i < kTries; ++i) {
    const std::string log = TRY(sys::read_file("/proc/self/fd/" + std::to_string(log_.get()), kLogMost));
    const std::string address = address_in(log);
    if (!address.empty()) {
      url_ = "http://" + address;
      return {};
    }
    pollfd event{keeper_.pidfd().get(), POLLIN, 0};
    if (::poll(&event, 1, kPause) > 0)
      return Error(Code::kUnavailable, "the daemon does not start: " + log.substr(0, 500));
  }
  return Error(Code::kUnavailable, "the daemon does not listen");
}

OwnDaemon::~OwnDaemon() {
  if (keeper_.is_running()) {
    (void)keeper_.kill(SIGTERM);
    (void)keeper_.wait();
  }
  if (!folder_.empty()) (void)sys::remove_tree(folder_);
}

}  // namespace brig::client
