#pragma once
/// Notifier: lets tasks wait until another part of the same thread says that something changed.
///
/// It carries no state: a waiter checks its condition, waits, and checks again. One thread, so nothing is lost between.
#include <boost/asio/steady_timer.hpp>

#include "async/task.h"

namespace brig {

class Notifier {
 public:
  explicit Notifier(const asio::any_io_executor& executor) : timer_(executor, asio::steady_timer::time_point::max()) {}

  /// Suspends until the next notify(). kCancelled if the task is cancelled.
  Task<> wait();
  /// Wakes everybody who waits now. Never runs them inside the call.
  void notify() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

}  // namespace brig
