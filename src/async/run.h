#pragma once
/// run(): an ordinary function's way into a coroutine, for main() and tests.
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "async/task.h"

namespace brig {

/// Runs `io` until `task` has ended and returns its result; other work of `io` goes on only meanwhile. kInternal if the
/// io_context runs dry first (the task waits for nothing). An exception that left the task (bad_alloc, cancellation)
/// becomes an Error.
template <class T>
Result<T> run(asio::io_context& io, Task<T> task) {
  std::optional<Result<T>> result;
  asio::co_spawn(io, std::move(task), [&result](const std::exception_ptr& exception, Result<T> value) {
    if (exception) {
      result.emplace(error_of(exception));
    } else {
      result.emplace(std::move(value));
    }
  });
  io.restart();
  while (!result.has_value() && io.run_one() > 0) {
  }
  if (!result.has_value()) return Error(Code::kInternal, "a task waits for something that cannot happen");
  return *std::move(result);
}

}  // namespace brig
