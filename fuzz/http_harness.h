#pragma once
// Raw bytes into a real server through a pair of sockets, until it has nothing more to do with them.
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "http/server.h"

namespace brig::http {

/// All that the server sent back. Aborts if it does not end the connection by itself after the client's end.
inline std::string feed(Handler handler, std::string_view bytes) {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) return {};
  const Fd client(fds[0]);
  asio::io_context io;
  ServerOptions options{.handler = std::move(handler)};
  options.limits.linger = Milliseconds(0);
  Server server(io.get_executor(), std::move(options));
  if (!server.serve(Fd(fds[1])).has_value()) std::abort();
  std::string answer;
  std::array<char, 65536> buffer;
  bool has_ended = false;
  // Each turn gives what fits, lets the server work, and takes what came: neither side ever waits for the other.
  for (int turn = 0; server.figures().connections > 0; ++turn) {
    if (turn > 100'000) std::abort();
    if (!bytes.empty()) {
      const ssize_t sent = ::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN) bytes = {};
    }
    if (bytes.empty() && !has_ended) {
      has_ended = true;
      ::shutdown(client.get(), SHUT_WR);
    }
    io.restart();
    io.poll();
    ssize_t count = 0;
    while ((count = ::recv(client.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      answer.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  return answer;
}

}  // namespace brig::http
