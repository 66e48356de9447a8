#pragma once
/// SocketAddress: the kernel's form of an Endpoint. Part of the room; nothing else uses it.
#include <sys/socket.h>

#include <optional>

#include "http/listen.h"

namespace brig::http {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

/// Nothing if the host is a name that would have to be looked up. "localhost" is 127.0.0.1, "" every address.
std::optional<SocketAddress> socket_address(const Endpoint& endpoint);
Endpoint to_endpoint(const SocketAddress& address);

}  // namespace brig::http
