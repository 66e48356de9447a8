#include "http/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace brig::http {
namespace {

std::optional<SocketAddress> unix_address(const std::string& path) {
  SocketAddress address;
  auto& un = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.size() >= sizeof un.sun_path) return std::nullopt;
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

}  // namespace

std::optional<SocketAddress> socket_address(const Endpoint& endpoint) {
  if (endpoint.is_unix) return unix_address(endpoint.path);
  SocketAddress address;
  const std::string host = endpoint.host == "localhost" || endpoint.host.ends_with(".localhost") ? "127.0.0.1"
                           : endpoint.host.empty()                                               ? "::"
                                                                                                 : endpoint.host;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    address.size = sizeof v4;
    return address;
  }
  if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    address.size = sizeof v6;
    return address;
  }
  return std::nullopt;
}

Endpoint to_endpoint(const SocketAddress& address) {
  Endpoint endpoint;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    endpoint.host = ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    endpoint.port = ntohs(v4.sin_port);
  } else if (address.family() == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    endpoint.host = ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    endpoint.port = ntohs(v6.sin6_port);
  } else {
    endpoint.is_unix = true;
    const auto& un = reinterpret_cast<const sockaddr_un&>(address.storage);
    if (address.size > offsetof(sockaddr_un, sun_path)) {
      endpoint.path = std::string(un.sun_path, ::strnlen(un.sun_path, address.size - offsetof(sockaddr_un, sun_path)));
    }
  }
  return endpoint;
}

}  // namespace brig::http
