#pragma once
/// TaskGroup: owner of detached work. Destroying it cancels what still runs.
///
/// A cancelled task unwinds when the io_context next runs, that is after the group is gone: it must own (by value,
/// often a shared_ptr) everything it touches. One that had not begun never begins. Not thread-safe: everything on the
/// io_context's one thread.
#include <cstddef>
#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "async/task.h"

namespace brig {

class TaskGroup {
 public:
  using OnFailure = std::function<void(const Error&)>;

  /// `on_failure` hears of every task that ended with an Error other than kCancelled.
  explicit TaskGroup(asio::any_io_executor executor, OnFailure on_failure = {});
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  void spawn(Task<> task);
  /// Asks every task to end. Nothing may be spawned afterwards.
  void cancel();
  /// Tasks that have not ended.
  [[nodiscard]] std::size_t size() const;

 private:
  struct State;
  static Task<> to_its_end(std::shared_ptr<State> state, Task<> task);

  asio::any_io_executor executor_;
  std::shared_ptr<State> state_;  ///< shared with the completion of each task, which may come after the group
};

}  // namespace brig
