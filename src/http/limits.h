#pragma once
/// Limits: everything a client may take of a server, each with its default.
///
/// What is beyond one is refused with its own status and stable code (error_reply.h), and the connection is closed.
/// Times are noticed by one sweep over all connections, at the latest a quarter of the shortest of them too late.
#include <cstddef>

#include "base/units.h"

namespace brig::http {

struct Limits {
  std::size_t header_bytes = std::size_t{32} << 10;  ///< the request line and all fields: 431
  std::size_t target_bytes = std::size_t{8} << 10;   ///< 414
  std::size_t header_count = 100;                    ///< fields: 431
  Milliseconds header_time{10'000};                  ///< from the first byte of a head to its last: 408
  Milliseconds idle_time{75'000};                    ///< a kept connection without a request: closed without a word
  Milliseconds body_stall{30'000};      ///< no byte of a body that a handler waits for: 408; see allow_silence()
  Milliseconds write_stall{60'000};     ///< a client that takes no byte of what is sent to it: cut. Silence is no stall
  Milliseconds handshake_time{10'000};  ///< TLS
  std::size_t connections = 4096;       ///< in all: 503
  std::size_t connections_each = 1024;  ///< of one that Exchange::count_for() names: 429
  /// Bodies that were read whole, and answers that wait for their client, of all its connections together: 429.
  std::size_t held_each = std::size_t{256} << 20;
  /// What a handler left unread of a body is read and dropped up to here, to keep the connection; beyond it is closed.
  std::size_t drain_bytes = std::size_t{256} << 10;
  Milliseconds linger{1'000};  ///< how long a closed connection may still send, so that it can read its last answer
};

}  // namespace brig::http
