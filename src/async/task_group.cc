#include "async/task_group.h"

#include <exception>
#include <list>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/this_coro.hpp>

namespace brig {

struct TaskGroup::State {
  std::list<asio::cancellation_signal> signals;  ///< one per running task
  OnFailure on_failure;
  bool is_cancelled = false;
};

/// The task, unless its group was cancelled before it began: then what it would touch may be gone. And then no further
/// cancellation: co_spawn of Asio 1.81 waits once more for a task that never waited, and throws out of the io_context
/// if that task had cancelled its own group meanwhile.
Task<> TaskGroup::to_its_end(std::shared_ptr<State> state, Task<> task) {
  Result<> result;
  try {
    if (state->is_cancelled) result = Error(Code::kCancelled, "cancelled before it began");
    else result = co_await std::move(task);
  } catch (...) {
    result = error_of(std::current_exception());
  }
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return result;
}

TaskGroup::TaskGroup(asio::any_io_executor executor, OnFailure on_failure)
    : executor_(std::move(executor)), state_(std::make_shared<State>()) {
  state_->on_failure = std::move(on_failure);
}

TaskGroup::~TaskGroup() {  // NOLINT(bugprone-exception-escape): what cancel() calls allocates at most; then there is no
                           // going on
  state_->on_failure = nullptr;  // what it refers to may be gone when the tasks unwind
  cancel();
}

void TaskGroup::spawn(Task<> task) {
  const auto signal = state_->signals.emplace(state_->signals.end());
  asio::co_spawn(
      executor_, to_its_end(state_, std::move(task)),
      asio::bind_cancellation_slot(
          signal->slot(), [state = state_, signal](const std::exception_ptr& /*none leaves it*/, Result<> result) {
            if (!result.has_value() && result.error().code() != Code::kCancelled && state->on_failure) {
              state->on_failure(result.error());
            }
            state->signals.erase(signal);
          }));
}

void TaskGroup::cancel() {
  state_->is_cancelled = true;
  // From inside the io_context only: elsewhere co_spawn would post the signal, with a bare pointer into the task's
  // frame, and the task may end before that is run (Asio 1.81). Whoever has ended by then is no longer in the list.
  asio::dispatch(executor_, [state = state_] {
    for (auto at = state->signals.begin(); at != state->signals.end();) {
      const auto signal = at++;
      signal->emit(asio::cancellation_type::terminal);
    }
  });
}

std::size_t TaskGroup::size() const { return state_->signals.size(); }

}  // namespace brig
