#include "async/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <list>

namespace brig {

struct TaskGroup::State {
  std::list<asio::cancellation_signal> signals;  ///< one per running task
  OnFailure on_failure;
};

TaskGroup::TaskGroup(asio::any_io_executor executor, OnFailure on_failure)
    : executor_(std::move(executor)), state_(std::make_shared<State>()) {
  state_->on_failure = std::move(on_failure);
}

TaskGroup::~TaskGroup() {
  state_->on_failure = nullptr;  // what it refers to may be gone when the tasks unwind
  cancel();
}

void TaskGroup::spawn(Task<> task) {
  const auto signal = state_->signals.emplace(state_->signals.end());
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(
                     signal->slot(), [state = state_, signal](const std::exception_ptr& exception, Result<> result) {
                       if (exception) result = error_of(exception);
                       if (!result.has_value() && result.error().code() != Code::kCancelled && state->on_failure) {
                         state->on_failure(result.error());
                       }
                       state->signals.erase(signal);
                     }));
}

void TaskGroup::cancel() {
  // Emitting never completes a task in place, but be safe against a completion that erases its own signal.
  for (auto at = state_->signals.begin(); at != state_->signals.end();) {
    const auto signal = at++;
    signal->emit(asio::cancellation_type::terminal);
  }
}

std::size_t TaskGroup::size() const { return state_->signals.size(); }

}  // namespace brig
