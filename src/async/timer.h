#pragma once
/// Timers: sleep() and with_timeout().
#include <string>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "async/task.h"
#include "base/units.h"

namespace brig {

/// kCancelled if it is cancelled first.
Task<> sleep(Milliseconds duration);

/// `task`, or kDeadline ("<what> took longer than 30s") and the task cancelled. Returns when the task has really ended.
template <class T>
Task<T> with_timeout(Milliseconds limit, Task<T> task, std::string what) {
  using namespace asio::experimental::awaitable_operators;
  auto winner = co_await (std::move(task) || sleep(limit));
  if (winner.index() == 0) co_return std::get<0>(std::move(winner));
  co_return Error(Code::kDeadline, what + " took longer than " + format(limit));
}

}  // namespace brig
