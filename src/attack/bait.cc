#include "attack/bait.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include "base/fd.h"

namespace brig::attack {
namespace {

/// How long a connection may be quiet after an answer before it is closed: what was smuggled behind a request comes
/// with it.
constexpr int kQuietMilliseconds = 100;
constexpr std::size_t kMost = std::size_t{8} << 20;
constexpr std::string_view kPlain =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Bait: yes\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbait";
constexpr std::string_view kUpgraded =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nbait";

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool has_more(int fd, int patience) {
  pollfd event{fd, POLLIN, 0};
  return ::poll(&event, 1, patience) > 0;
}

/// The value of a field of the head, without looking closely: this is a server of the simple kind.
std::string_view field(std::string_view head, std::string_view name) {
  const auto at = head.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = head.substr(at + name.size());
  return rest.substr(0, rest.find("\r\n"));
}

/// The size of the first request in `bytes`, or nothing if it is not whole.
std::optional<std::size_t> size_of_request(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view head = bytes.substr(0, end + 2);
  if (head.contains("\r\nTransfer-Encoding: chunked\r\n")) {
    const auto last = bytes.find("\r\n0\r\n\r\n", end + 2);
    if (last != std::string_view::npos) return last + 7;
    return bytes.substr(end + 4).starts_with("0\r\n\r\n") ? std::optional(end + 9) : std::nullopt;
  }
  const std::size_t length = std::strtoul(std::string(field(head, "\r\nContent-Length: ")).c_str(), nullptr, 10);
  const std::size_t size = end + 4 + std::min(length, kMost);
  return bytes.size() >= size ? std::optional(size) : std::nullopt;
}

std::string answer_to(std::string_view request, const std::string& folder) {
  std::string_view target = request.substr(0, request.find("\r\n"));
  target.remove_prefix(std::min(target.find(' ') + 1, target.size()));
  target = target.substr(0, target.find_first_of(" ?"));
  const auto slash = target.rfind('/');
  const std::string name(slash == std::string_view::npos ? target : target.substr(slash + 1));
  std::ifstream file(folder + "/answers/" + name, std::ios::binary);
  if (!name.empty() && file.good()) return {std::istreambuf_iterator<char>(file), {}};
  return std::string(request.contains("\r\nUpgrade: ") ? kUpgraded : kPlain);
}

void serve_one(int fd, const std::string& folder) {
  std::string inbox;
  std::array<char, 65536> buffer{};
  while (true) {
    const auto size = size_of_request(inbox);
    if (!size) {
      const ssize_t count = inbox.size() < kMost ? ::read(fd, buffer.data(), buffer.size()) : 0;
      if (count <= 0) return;
      inbox.append(buffer.data(), static_cast<std::size_t>(count));
      continue;
    }
    const std::string request = inbox.substr(0, *size);
    inbox.erase(0, *size);
    const Fd heard(::open((folder + "/heard").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
    (void)send_all(heard.get(), "=====\n" + request + "\n");
    if (request.contains(" /endless")) {
      if (!send_all(fd, "HTTP/1.1 200 OK\r\n\r\n")) return;
      while (send_all(fd, {buffer.data(), buffer.size()})) {
      }
      return;
    }
    if (!send_all(fd, answer_to(request, folder))) return;
    if (inbox.empty() && !has_more(fd, kQuietMilliseconds)) return;
  }
}

}  // namespace

int serve_bait(std::uint16_t port, const std::string& folder) {
  ::signal(SIGCHLD, SIG_IGN);
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  (void)::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) return 1;
  if (::listen(listener.get(), 64) < 0) return 1;
  while (true) {
    const Fd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.is_open()) continue;
    if (::fork() != 0) continue;
    serve_one(client.get(), folder);
    ::_exit(0);
  }
}

}  // namespace brig::attack
