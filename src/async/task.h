#pragma once
/// Task<T>: a coroutine of ours. Lazy, runs on the caller's io_context, ends with a value or an Error.
///
/// Cancelling a task (TaskGroup, with_timeout) makes what it waits for end with kCancelled, or unwinds it from a
/// suspension point by Asio's own exception; error_of() turns that into a value at the three places where it is caught.
#include <exception>

#include <boost/asio/awaitable.hpp>

#include "base/result.h"

namespace brig {

namespace asio = boost::asio;

template <class T = void>
using Task = asio::awaitable<Result<T>>;

/// The Error of an exception that left a coroutine: kCancelled, kExhausted (no memory) or kInternal.
Error error_of(const std::exception_ptr& exception);

}  // namespace brig
