#include "http/stream.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/buffer.h"

namespace brig::http {
namespace {

constexpr std::size_t kPumpBuffer = std::size_t{64} << 10;

/// A failed direction ends the other one too.
Task<> pump_or_close(Stream& from, Stream& to) {
  auto pumped = co_await pump(from, to);
  if (!pumped.has_value()) {
    from.close();
    to.close();
  }
  co_return pumped;
}

}  // namespace

Task<> pump(Stream& from, Stream& to) {
  Buffer buffer(kPumpBuffer);
  while (true) {
    CO_TRY(const std::size_t count, co_await from.read_some(buffer.bytes()));
    if (count == 0) break;
    const auto bytes = buffer.bytes().first(count);
    CO_TRY_VOID(co_await to.write_all({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  }
  co_return co_await to.shutdown_send();
}

Task<> tunnel(Stream& a, Stream& b) {
  using namespace asio::experimental::awaitable_operators;
  auto [there, back] = co_await (pump_or_close(a, b) && pump_or_close(b, a));
  a.close();
  b.close();
  // Where one direction failed, the other was only cancelled.
  if (!there.has_value() && there.error().code() != Code::kCancelled) co_return there;
  co_return back;
}

}  // namespace brig::http
