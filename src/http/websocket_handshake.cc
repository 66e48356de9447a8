#include "http/websocket_handshake.h"

#include <openssl/sha.h>
#include <sys/random.h>

#include <array>
#include <span>

#include "base/base64.h"

namespace brig::http {
namespace {

std::string base64(std::span<const unsigned char> bytes) {
  return to_base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// 16 bytes in base64: 22 characters of which the last carries two bits, and two signs that they are over.
bool is_key(std::string_view key) {
  return key.size() == 24 && key.ends_with("==") &&
         key.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 22;
}

}  // namespace

bool wants_websocket(std::string_view method, const Headers& headers) {
  return method == "GET" && headers.has_token("Upgrade", "websocket") && headers.has_token("Connection", "upgrade");
}

std::optional<Refusal> refuse_websocket(const RequestHead& head) {
  if (!wants_websocket(head.method, head.headers) || head.is_http_1_0) {
    return Refusal{.status = 426, .code = "websocket_expected", .sentence = "this path speaks WebSocket only"};
  }
  if (head.headers.get("Sec-WebSocket-Version") != "13") {
    return Refusal{.status = 426, .code = "websocket_version", .sentence = "only version 13 of WebSocket is spoken"};
  }
  if (head.headers.count("Sec-WebSocket-Key") != 1 || !is_key(head.headers.get("Sec-WebSocket-Key"))) {
    return Refusal{.code = "websocket_key", .sentence = "Sec-WebSocket-Key is no key"};
  }
  if (head.framing == Framing::kChunked || head.length > 0) {
    return Refusal{.code = "websocket_body", .sentence = "a request for a WebSocket has no body"};
  }
  return std::nullopt;
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64(digest);
}

std::string websocket_key() {
  std::array<unsigned char, 16> bytes{};
  (void)!::getrandom(bytes.data(), bytes.size(), 0);  // so few bytes are always given at once
  return base64(bytes);
}

}  // namespace brig::http
