#include "async/notifier.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace brig {

Task<> Notifier::wait() {
  // A notification and a cancellation end the wait alike; the coroutine's own state tells them apart.
  (void)co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return Error(Code::kCancelled, "cancelled");
  co_return Result<>();
}

}  // namespace brig
