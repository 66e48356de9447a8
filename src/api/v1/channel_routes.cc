// The channel to a sandbox's agent, for a client that speaks the guest protocol itself: another Brig.
#include "api/v1/api.h"
#include "http/bridge.h"

namespace brig::api::v1 {
namespace {

/// A client that does not answer three of these in a row is gone.
constexpr Milliseconds kPing{20'000};

}  // namespace

void Api::add_channel_routes(http::Router& router) {
  router.add("GET /v1/sandboxes/{id}/channel", "channel", [this](http::Exchange& e) { return channel(e); });
}

/// Bytes go through as they are: here they are read by nobody. Whatever ends it, the sandbox ends with the channel.
Task<> Api::channel(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  if (!exchange.is_websocket()) {  // it says so itself, and takes nothing along
    CO_TRY_VOID(co_await exchange.accept_websocket());
  }
  CO_TRY(auto channel, found.sandbox->take_channel());
  const auto executor = co_await asio::this_coro::executor;
  CO_TRY(auto stream, StreamSocket::adopt(executor, std::move(channel.socket)));
  CO_TRY(const auto socket, co_await exchange.accept_websocket());
  socket->keep_alive(kPing);
  CO_TRY(const http::BridgeEnd end, co_await http::bridge(*socket, stream));
  channel.is_guest_gone = end == http::BridgeEnd::kStream;
  co_return Result<>();
}

}  // namespace brig::api::v1
