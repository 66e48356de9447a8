#pragma once
/// The handshake of WebSocket (RFC 6455, 4). Part of the room; nothing else uses it.
#include <optional>
#include <string>
#include <string_view>

#include "http/head.h"

namespace brig::http {

[[nodiscard]] bool wants_websocket(std::string_view method, const Headers& headers);
/// What is wrong with a request for a WebSocket: 400, or 426 for one that is none or of another version.
std::optional<Refusal> refuse_websocket(const RequestHead& head);
/// The value of Sec-WebSocket-Accept for a key.
std::string websocket_accept(std::string_view key);
/// A new value for Sec-WebSocket-Key.
std::string websocket_key();

}  // namespace brig::http
