/// 805_listeners_stay: leaves a process that listens on a fixed abstract name and a fixed port, and connects to both in
/// the second sandbox. Expected: the network namespace ends with the sandbox.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr long kPort = 47123;
void serve(const std::string& marker) {
  sockaddr_un unix_address{};
  unix_address.sun_family = AF_UNIX;
  std::memcpy(static_cast<char*>(unix_address.sun_path) + 1, "brig-marker", 11);
  const int by_name = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ::bind(by_name, reinterpret_cast<const sockaddr*>(&unix_address), offsetof(sockaddr_un, sun_path) + 12);
  ::listen(by_name, 4);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int by_port = ::socket(AF_INET, SOCK_STREAM, 0);
  ::bind(by_port, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::listen(by_port, 4);
  if (::fork() != 0) return;
  ::setsid();
  ::close(0), ::close(1), ::close(2);
  ::alarm(20);
  for (;;) {
    pollfd waiting[2] = {{by_name, POLLIN, 0}, {by_port, POLLIN, 0}};
    if (::poll(waiting, 2, -1) <= 0) ::_exit(0);
    for (const pollfd& one : waiting) {
      if (one.revents == 0) continue;
      const int peer = ::accept(one.fd, nullptr, nullptr);
      (void)!::write(peer, marker.data(), marker.size());
      ::close(peer);
    }
  }
}
Finding run(const Args& args) {
  if (args.text("phase") == "2") {
    return worst({cannot_connect_unix("brig-marker", true), cannot_connect_inet("127.0.0.1", "127.0.0.1", kPort)});
  }
  serve(args.text("marker"));
  return held("left one");
}

}  // namespace

constinit const Probe k805ListenersStay = {
    .name = "805_listeners_stay",
    .group = Group::kPersistence,
    .attack = "leave a service on an abstract socket and a port for the next sandbox",
    .cve = "",
    .refusal = "the network namespace ends with the sandbox",
    .run = run,
    .phases = 2,
};

}  // namespace brig::attack::probes
