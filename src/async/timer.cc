#include "async/timer.h"

#include <algorithm>
#include <chrono>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace brig {
namespace {

/// The clock counts nanoseconds: what is longer than it can count would be over at once.
constexpr Milliseconds kLongest = std::chrono::duration_cast<Milliseconds>(std::chrono::years(100));

}  // namespace

Task<> sleep(Milliseconds duration) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, std::min(duration, kLongest));
  const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (error) co_return Error(Code::kCancelled, "cancelled");
  co_return Result<>();
}

}  // namespace brig
