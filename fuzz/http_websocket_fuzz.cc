// Attacker: a client that controls every byte of its WebSocket. Held here: no crash, no hang, no leak, no message
// longer than its limit, and no text that is not UTF-8.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "http_harness.h"

using namespace brig;
using namespace brig::http;

namespace {

constexpr std::size_t kLimit = 3000;

Task<> echo(Exchange& exchange) {
  CO_TRY(auto socket, co_await exchange.accept_websocket());
  while (true) {
    CO_TRY(const Message message, co_await socket->read(kLimit));
    if (message.bytes.size() > kLimit) std::abort();
    if (message.kind != Message::Kind::kBinary && !is_utf8(message.bytes)) std::abort();
    if (message.kind == Message::Kind::kClose) co_return Result<>();
    if (message.kind == Message::Kind::kText) CO_TRY_VOID(co_await socket->write_text(message.bytes));
    if (message.kind == Message::Kind::kBinary) CO_TRY_VOID(co_await socket->write_binary(message.bytes));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes =
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  bytes.append(reinterpret_cast<const char*>(data), size);
  const std::string answer = feed(echo, bytes);
  if (!answer.starts_with("HTTP/1.1 101 ")) std::abort();
  return 0;
}
