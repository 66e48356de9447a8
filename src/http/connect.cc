#include "http/connect.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/timer.h"
#include "http/socket_address.h"

namespace brig::http {
namespace {

Error cannot_connect(int error, const Endpoint& endpoint) {
  const std::string what = "connect to " + format(endpoint);
  if (error == EACCES || error == EPERM) return Error::system(error, what);
  return {Code::kUnavailable, what + ": " + std::strerror(error)};
}

Result<std::vector<SocketAddress>> look_up(const Endpoint& endpoint) {
  if (auto address = socket_address(endpoint)) return std::vector{*address};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (error != 0) {
    return Error(Code::kNotFound, "connect to " + format(endpoint) + ": " + ::gai_strerror(error));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.size = at->ai_addrlen;
    addresses.push_back(address);
  }
  ::freeaddrinfo(found);
  return addresses;
}

Task<Fd> connect_one(SocketAddress address, Endpoint endpoint) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open()) co_return Error::last_system("make a socket");
  if (!endpoint.is_unix) {
    const int on = 1;
    (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  // A Unix socket whose queue is full says EAGAIN and cannot be waited for.
  constexpr Milliseconds kPause(10);
  while (::connect(fd.get(), address.get(), address.size) != 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN && endpoint.is_unix) {
      CO_TRY_VOID(co_await sleep(kPause));
      continue;
    }
    if (errno != EINPROGRESS) co_return cannot_connect(errno, endpoint);
    const auto executor = co_await asio::this_coro::executor;
    asio::posix::stream_descriptor waiting(executor, fd.release());
    const auto [error] =
        co_await waiting.async_wait(asio::posix::stream_descriptor::wait_write, asio::as_tuple(asio::use_awaitable));
    fd = Fd(waiting.release());
    if (error) co_return Error(Code::kCancelled, "cancelled");
    int outcome = 0;
    socklen_t size = sizeof outcome;
    if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &outcome, &size) != 0) outcome = errno;
    if (outcome != 0) co_return cannot_connect(outcome, endpoint);
    break;
  }
  co_return fd;
}

}  // namespace

Result<std::vector<Endpoint>> resolve(const Endpoint& endpoint) {
  if (endpoint.is_unix) return std::vector{endpoint};
  std::vector<Endpoint> found;
  for (const SocketAddress& address : TRY(look_up(endpoint))) found.push_back(to_endpoint(address));
  return found;
}

Task<Fd> connect_to(Endpoint endpoint) {
  CO_TRY(const std::vector<SocketAddress> addresses, look_up(endpoint));
  Result<Fd> last = Error(Code::kNotFound, "connect to " + format(endpoint) + ": the name has no address");
  for (const SocketAddress& address : addresses) {
    last = co_await connect_one(address, endpoint);
    if (last.has_value() || last.error().code() == Code::kCancelled) break;
  }
  co_return last;
}

}  // namespace brig::http
