#include "attack/canary.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"

namespace brig::attack {
namespace {

struct Listener {
  std::string name;
  Fd fd;
  bool is_datagram = false;
};

/// Bound and listening, or not open where the host lacks it. `port` 0: any.
Fd listen_inet(const char* text, std::uint16_t port, int type) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const bool is_v4 = ::inet_pton(AF_INET, text, &v4.sin_addr) == 1;
  if (is_v4) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
  } else {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    ::inet_pton(AF_INET6, text, &v6.sin6_addr);
  }
  Fd fd(::socket(is_v4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
  const auto* address = is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  const socklen_t length = is_v4 ? sizeof v4 : sizeof v6;
  if (!fd.is_open() || ::bind(fd.get(), address, length) != 0) return {};
  if (type == SOCK_STREAM && ::listen(fd.get(), 16) != 0) return {};
  return fd;
}

int port_of(const Fd& fd) {
  sockaddr_in6 address{};
  socklen_t length = sizeof address;
  if (!fd.is_open() || ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return ntohs(address.sin6_port);  // the same place as sin_port
}

Fd listen_unix(const std::string& path, bool is_abstract) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t shift = is_abstract ? 1 : 0;
  if (path.size() + shift >= sizeof address.sun_path) return {};
  std::memcpy(static_cast<char*>(address.sun_path) + shift, path.data(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + shift + path.size());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 || ::listen(fd.get(), 16) != 0)
    return {};
  if (!is_abstract) ::chmod(path.c_str(), 0777);
  return fd;
}

void say(const std::string& line) { (void)!::write(STDOUT_FILENO, (line + "\n").data(), line.size() + 1); }

void answer(const Listener& listener, std::string_view secret) {
  if (listener.is_datagram) {
    std::array<char, 512> message{};
    sockaddr_in6 peer{};
    socklen_t length = sizeof peer;
    auto* address = reinterpret_cast<sockaddr*>(&peer);
    ::recvfrom(listener.fd.get(), message.data(), message.size(), MSG_DONTWAIT, address, &length);
    ::sendto(listener.fd.get(), secret.data(), secret.size(), MSG_DONTWAIT, address, length);
  } else {
    const Fd peer(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (peer.is_open()) ::send(peer.get(), secret.data(), secret.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  say("touched " + listener.name);
}

}  // namespace

int serve_canary(const std::string& folder, World world) {
  ::prctl(PR_SET_NAME, kCanaryName);
  const char* variable = ::getenv(kCanaryVariable);
  const std::string secret = variable != nullptr ? variable : "";
  const int file = ::memfd_create("canary", 0);
  (void)!::write(file, secret.data(), secret.size());
  ::dup2(file, kCanaryDescriptor);

  std::vector<Listener> listeners;
  listeners.push_back({"tcp4", listen_inet("127.0.0.1", 0, SOCK_STREAM)});
  listeners.push_back({"tcp6", listen_inet("::1", 0, SOCK_STREAM)});
  listeners.push_back({"udp", listen_inet("127.0.0.1", 0, SOCK_DGRAM), true});
  const std::string name = "brig-canary-" + std::to_string(::getpid()) + secret.substr(0, 8);
  listeners.push_back({"abstract", listen_unix(name, true)});
  listeners.push_back({"socket", listen_unix(folder + "/socket", false)});
  if (world == World::kRoom) {
    listeners.push_back({"metadata", listen_inet("169.254.169.254", 80, SOCK_STREAM)});
    listeners.push_back({"metadata6", listen_inet("fd00:ec2::254", 80, SOCK_STREAM)});
    listeners.push_back({"outside", listen_inet("203.0.113.7", 443, SOCK_STREAM)});
    listeners.push_back({"outside6", listen_inet("2001:db8::7", 443, SOCK_STREAM)});
    listeners.push_back({"dns", listen_inet("203.0.113.53", 53, SOCK_DGRAM), true});
    listeners.push_back({"engine", listen_unix("/run/docker.sock", false)});
  }

  say("ready tcp4=" + std::to_string(port_of(listeners[0].fd)) + " tcp6=" + std::to_string(port_of(listeners[1].fd)) +
      " udp=" + std::to_string(port_of(listeners[2].fd)) + " abstract=" + name + " canary=" +
      std::to_string(::getpid()) + " address=" + std::to_string(reinterpret_cast<std::uintptr_t>(secret.data())) +
      " length=" + std::to_string(secret.size()));

  for (;;) {
    std::vector<pollfd> waiting{{STDIN_FILENO, POLLIN, 0}};
    for (const Listener& listener : listeners) waiting.push_back({listener.fd.get(), POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), -1) < 0) return 1;
    if (waiting[0].revents != 0) return 0;
    for (std::size_t index = 0; index < listeners.size(); ++index) {
      if (waiting[index + 1].revents != 0) answer(listeners[index], secret);
    }
  }
}

}  // namespace brig::attack
