#include "attack/probes/tools.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/fd.h"
#include "base/text.h"

namespace brig::attack {

Finding held(std::string seen) { return {Outcome::kHeld, std::move(seen)}; }
Finding breached(std::string seen) { return {Outcome::kBreached, std::move(seen)}; }
Finding not_applicable(std::string seen) { return {Outcome::kNotApplicable, std::move(seen)}; }

std::string error_name(int number) {
  const char* name = strerrorname_np(number);
  return name != nullptr ? name : std::to_string(number);
}

Finding refused(std::string_view call, long result, std::initializer_list<int> also_held) {
  const int error = errno;
  const std::string what(call);
  if (result >= 0) return breached(what + " succeeded");
  const bool is_refusal = error == EPERM || error == EACCES || error == ENOSYS;
  if (is_refusal || std::ranges::find(also_held, error) != also_held.end())
    return held(what + ": " + error_name(error));
  return breached(what + " was reached: " + error_name(error));
}

Finding worst(const std::vector<Finding>& findings) {
  const auto rank = [](Outcome outcome) {
    return outcome == Outcome::kBreached ? 2 : outcome == Outcome::kHeld ? 1 : 0;
  };
  Finding result = not_applicable("");
  for (const Finding& finding : findings) {
    if (rank(finding.outcome) > rank(result.outcome)) {
      result = finding;
    } else if (finding.outcome == result.outcome && result.seen.size() < 300) {
      result.seen += (result.seen.empty() ? "" : "; ") + finding.seen;
    }
  }
  return result;
}

Finding cannot_open(const std::string& path, int flags) {
  const Fd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (fd.is_open()) return breached(path + " opens");
  if (errno == ETXTBSY) return breached(path + ": ETXTBSY (only in use)");
  return held(path + ": " + error_name(errno));
}

Finding cannot_open_any(std::initializer_list<const char*> paths, int flags) {
  std::vector<Finding> findings;
  for (const char* path : paths) findings.push_back(cannot_open(path, flags));
  return worst(findings);
}

std::optional<std::string> read_some(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.is_open()) return std::nullopt;
  std::string text(4096, '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t n = ::read(fd.get(), text.data() + have, text.size() - have);
    if (n < 0 && have == 0) return std::nullopt;
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
  text.resize(have);
  return text;
}

Finding cannot_read(const std::string& path, Quote quote) {
  errno = 0;
  const std::optional<std::string> text = read_some(path);
  if (!text.has_value()) return held(path + ": " + error_name(errno));
  if (text->empty()) return held(path + " is empty");
  std::string seen = path + ": " + std::to_string(text->size()) + " bytes";
  if (quote == Quote::kShow) seen += ": " + *text;
  return breached(std::move(seen));
}

std::optional<std::vector<std::string>> names_in(const std::string& path) {
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) return std::nullopt;
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(dir);
  std::ranges::sort(names);
  return names;
}

Finding in_child(Finding (*attempt)(const Args&), const Args& args) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return breached("pipe: " + error_name(errno));
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return breached("fork: " + error_name(errno));
  if (child == 0) {
    const Finding finding = attempt(args);
    const std::string message = static_cast<char>('0' + static_cast<int>(finding.outcome)) + finding.seen;
    (void)!::write(writer.get(), message.data(), message.size());
    ::_exit(0);
  }
  writer.reset();
  std::string message;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(reader.get(), buffer.data(), buffer.size())) > 0;) {
    message.append(buffer.data(), static_cast<std::size_t>(n));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!message.empty()) return {static_cast<Outcome>(message[0] - '0'), message.substr(1)};
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) return held("ended by the system-call filter");
  if (WIFSIGNALED(status)) return breached("the attempt ended by signal " + std::to_string(WTERMSIG(status)));
  return breached("the attempt gave no answer");
}

std::vector<std::string> scratch_folders() {
  std::vector<std::string> folders;
  for (const char* path : {"/tmp", "/workspace", "/home/user", "/dev/shm"}) {
    struct stat info{};
    if (::stat(path, &info) == 0 && S_ISDIR(info.st_mode)) folders.emplace_back(path);
  }
  return folders;
}

bool is_initial_pid_namespace() {
  struct stat info{};
  // PROC_PID_INIT_INO, include/linux/proc_ns.h
  return ::stat("/proc/self/ns/pid", &info) != 0 || info.st_ino == 0xEFFFFFFCU;
}

namespace {

bool is_local(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    return (ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 24) == 127;
  }
  return address->sa_family != AF_INET6 ||
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
}

/// Why a connection failed. An answer from elsewhere (refused, reset, timed out) means that packets left.
Finding not_connected(const std::string& what, const sockaddr* address, int error) {
  const bool is_answer = error == ECONNREFUSED || error == ECONNRESET || error == ETIMEDOUT || error == EHOSTUNREACH;
  const std::string seen = what + ": " + error_name(error);
  return is_answer && !is_local(address) ? breached(seen + " (packets leave)") : held(seen);
}

}  // namespace

Finding cannot_connect(std::string_view whom, const sockaddr* address, socklen_t length, int type) {
  const std::string what(whom);
  const Fd fd(::socket(address->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) return held(what + ": socket: " + error_name(errno));
  if (::connect(fd.get(), address, length) != 0 && errno != EINPROGRESS) return not_connected(what, address, errno);
  if (type == SOCK_DGRAM) {
    if (::send(fd.get(), "?", 1, MSG_NOSIGNAL) < 0) return not_connected(what, address, errno);
  } else {
    pollfd waiting{fd.get(), POLLOUT, 0};
    if (::poll(&waiting, 1, 500) == 0) return breached(what + ": packets leave (no answer)");
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return not_connected(what, address, error);
  }
  std::array<char, 512> reply{};
  pollfd waiting{fd.get(), POLLIN, 0};
  const bool has_reply = ::poll(&waiting, 1, 500) > 0;
  const ssize_t n = has_reply ? ::recv(fd.get(), reply.data(), reply.size(), 0) : -1;
  if (type == SOCK_DGRAM && n < 0 && has_reply) return not_connected(what, address, errno);  // port unreachable
  std::string said = n > 0 ? ": " + std::string(reply.data(), static_cast<std::size_t>(n)) : "";
  return breached(what + (type == SOCK_DGRAM ? " can be sent to" : " is connected") + said);
}

Finding cannot_connect_inet(std::string_view whom, const char* address, long port, int type) {
  const auto network_port = htons(static_cast<std::uint16_t>(port));
  sockaddr_in v4{};
  if (::inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = network_port;
    return cannot_connect(whom, reinterpret_cast<const sockaddr*>(&v4), sizeof v4, type);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = network_port;
  ::inet_pton(AF_INET6, address, &v6.sin6_addr);
  return cannot_connect(whom, reinterpret_cast<const sockaddr*>(&v6), sizeof v6, type);
}

Finding cannot_connect_unix(const std::string& path, bool is_abstract) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t shift = is_abstract ? 1 : 0;
  const std::size_t length = std::min(path.size(), sizeof address.sun_path - 1 - shift);
  std::memcpy(static_cast<char*>(address.sun_path) + shift, path.data(), length);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + shift + length + (is_abstract ? 0 : 1));
  return cannot_connect((is_abstract ? "@" : "") + path, reinterpret_cast<const sockaddr*>(&address), size);
}

std::string scratch_folder(std::string_view name) {
  for (const std::string& parent : scratch_folders()) {
    std::string path = parent + "/" + std::string(name);
    if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return path;
  }
  return {};
}

}  // namespace brig::attack
