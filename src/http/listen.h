#pragma once
/// Listening sockets from text.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace brig::http {

/// Where a server listens or a client connects.
struct Endpoint {
  bool is_unix = false;
  std::string host;  ///< an address or a name; IPv6 without brackets
  std::uint16_t port = 0;
  std::string path;  ///< of a Unix socket

  /// Only this machine can reach it.
  [[nodiscard]] bool is_local() const;
  bool operator==(const Endpoint&) const = default;
};

/// "127.0.0.1:2744", "[::1]:2744", "localhost:2744", ":2744" (every address), "unix:PATH". kInvalidArgument with a
/// sentence.
Result<Endpoint> parse_endpoint(std::string_view text);
/// The text that parse_endpoint reads back.
std::string format(const Endpoint& endpoint);

/// Binds and listens. Addresses and "localhost" only, no other names. A Unix socket gets mode 0600, and replaces one at
/// which nobody answers; anything else at that path stays and is an error. kUnavailable if the port or socket is in
/// use, kDenied, kInvalidArgument, kSystem.
Result<Fd> listen_on(const Endpoint& endpoint, int backlog = 1024);

/// Where a bound socket really listens (the port, if 0 was asked for).
Result<Endpoint> endpoint_of(FdRef socket);

}  // namespace brig::http
