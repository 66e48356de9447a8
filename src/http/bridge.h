#pragma once
/// bridge(): a WebSocket that is nothing but a stream of bytes, joined to a socket.
#include <cstdint>

#include "async/stream.h"
#include "http/websocket.h"

namespace brig::http {

/// The longest message that bridge() takes; what it sends is shorter.
inline constexpr std::size_t kBridgeMessageMax = std::size_t{256} << 10;

/// Which side ended first.
enum class BridgeEnd : std::uint8_t { kWebSocket, kStream };

/// Carries binary messages to `stream` and what comes from there back, until one of the two ends; then says goodbye to
/// the WebSocket. Nobody waits but for who does not read, and nothing is kept. kInvalidArgument for a text message,
/// kDeadline after keep_alive()'s time; the stream being gone is an end and no error. Both outlive the task.
Task<BridgeEnd> bridge(WebSocket& socket, StreamSocket& stream);

}  // namespace brig::http
