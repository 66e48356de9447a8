#include "http/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/number.h"
#include "base/text.h"
#include "http/socket_address.h"

namespace brig::http {
namespace {

std::string quoted(std::string_view text) { return "\"" + printable(text) + "\""; }

Error cannot_listen(int error, const Endpoint& endpoint) {
  const std::string where = "listen on " + format(endpoint);
  if (error == EADDRINUSE) return {Code::kUnavailable, where + ": somebody else listens there already"};
  return Error::system(error, where);
}

/// True if somebody accepts connections at this socket.
Result<bool> is_answered(const SocketAddress& address, const std::string& path) {
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.is_open()) return Error::last_system("make a socket");
  if (::connect(probe.get(), address.get(), address.size) == 0 || errno == EAGAIN) return true;
  if (errno == ECONNREFUSED || errno == ENOENT) return false;
  return Error::last_system("look who listens at " + path);
}

/// Removes a socket that nobody answers; anything else is not ours to remove.
Result<> clear_path(const SocketAddress& address, const Endpoint& endpoint) {
  struct stat status{};
  if (::lstat(endpoint.path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return Error::last_system("listen on " + format(endpoint));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Error(Code::kInvalidArgument, "listen on " + format(endpoint) + ": there is a file that is no socket");
  }
  if (TRY(is_answered(address, endpoint.path))) return cannot_listen(EADDRINUSE, endpoint);
  if (::unlink(endpoint.path.c_str()) != 0 && errno != ENOENT) {
    return Error::last_system("replace the old socket " + endpoint.path);
  }
  return {};
}

}  // namespace

bool Endpoint::is_local() const {
  if (is_unix || host == "localhost") return true;
  const auto address = host.empty() ? std::nullopt : socket_address(*this);
  if (!address) return false;
  if (address->family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address->storage);
    return ntohl(v4.sin_addr.s_addr) >> 24U == 127;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address->storage);
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  if (text.starts_with("unix:")) {
    endpoint.is_unix = true;
    endpoint.path = text.substr(5);
    if (endpoint.path.empty() || endpoint.path.size() >= sizeof(sockaddr_un::sun_path) ||
        endpoint.path.contains('\0')) {
      return Error(Code::kInvalidArgument, quoted(text) + ": the path of a Unix socket has 1 to 107 bytes");
    }
    return endpoint;
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return Error(Code::kInvalidArgument, quoted(text) + " is neither HOST:PORT nor unix:PATH");
  }
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const auto number = whole_number<std::uint16_t>(port);
  if (!number) return Error(Code::kInvalidArgument, quoted(text) + ": the port is no number from 0 to 65535");
  endpoint.port = *number;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return Error(Code::kInvalidArgument, quoted(text) + ": an IPv6 address needs brackets: [::1]:2744");
  }
  endpoint.host = host;
  return endpoint;
}

std::string format(const Endpoint& endpoint) {
  if (endpoint.is_unix) return "unix:" + endpoint.path;
  const bool is_v6 = endpoint.host.contains(':');
  return (is_v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

Result<Fd> listen_on(const Endpoint& endpoint, int backlog) {
  const auto address = socket_address(endpoint);
  if (!address) {
    return Error(Code::kInvalidArgument,
                 "listen on " + quoted(format(endpoint)) + ": the host must be an address or \"localhost\"");
  }
  Fd fd(::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_open() && errno == EAFNOSUPPORT && endpoint.host.empty()) {
    Endpoint without_v6 = endpoint;  // "every address" on a machine that has no IPv6
    without_v6.host = "0.0.0.0";
    return listen_on(without_v6, backlog);
  }
  if (!fd.is_open()) return cannot_listen(errno, endpoint);
  if (endpoint.is_unix) {
    TRY(clear_path(*address, endpoint));
    // The mode of the file is the socket's own at bind() (on Linux), so at no moment may somebody else connect.
    if (::fchmod(fd.get(), 0600) != 0) return cannot_listen(errno, endpoint);
  } else {
    const int on = 1;
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (::bind(fd.get(), address->get(), address->size) != 0) return cannot_listen(errno, endpoint);
  if (::listen(fd.get(), backlog) != 0) return cannot_listen(errno, endpoint);
  return fd;
}

Result<Endpoint> endpoint_of(FdRef socket) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (::getsockname(socket.get(), address.get(), &address.size) != 0) return Error::last_system("look at a socket");
  return to_endpoint(address);
}

}  // namespace brig::http
