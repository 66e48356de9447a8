#include "http/bridge.h"

#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/buffer.h"

namespace brig::http {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;

Task<BridgeEnd> to_stream(WebSocket& socket, StreamSocket& stream) {
  while (true) {
    auto message = co_await socket.read(kBridgeMessageMax);
    if (!message && message.error().code() == Code::kUnavailable) co_return BridgeEnd::kWebSocket;
    if (!message) co_return std::move(message).error();
    if (message->kind == Message::Kind::kClose) co_return BridgeEnd::kWebSocket;
    if (message->kind == Message::Kind::kText)
      co_return Error(Code::kInvalidArgument, "a text message on a channel of bytes");
    auto written = co_await stream.write_all(std::as_bytes(std::span(message->bytes)));
    if (!written && written.error().code() == Code::kUnavailable) co_return BridgeEnd::kStream;
    if (!written) co_return std::move(written).error();
  }
}

Task<BridgeEnd> to_socket(WebSocket& socket, StreamSocket& stream) {
  Buffer buffer(kPiece);
  while (true) {
    auto count = co_await stream.read_some(buffer.bytes());
    if (!count && count.error().code() == Code::kUnavailable) co_return BridgeEnd::kStream;
    if (!count) co_return std::move(count).error();
    if (*count == 0) co_return BridgeEnd::kStream;
    auto written = co_await socket.write_binary({reinterpret_cast<const char*>(buffer.bytes().data()), *count});
    if (!written && written.error().code() == Code::kUnavailable) co_return BridgeEnd::kWebSocket;
    if (!written) co_return std::move(written).error();
  }
}

}  // namespace

Task<BridgeEnd> bridge(WebSocket& socket, StreamSocket& stream) {
  using namespace asio::experimental::awaitable_operators;
  auto first = co_await (to_stream(socket, stream) || to_socket(socket, stream));
  auto ended = first.index() == 0 ? std::get<0>(std::move(first)) : std::get<1>(std::move(first));
  if (!socket.is_closed()) (void)co_await socket.close(ended ? 1000 : 1008);
  co_return ended;
}

}  // namespace brig::http
