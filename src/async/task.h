#pragma once
/// Task<T>: a coroutine of ours. Lazy, runs on the caller's io_context, ends with a value or an Error.
#include <boost/asio/awaitable.hpp>

#include "base/result.h"

namespace brig {

namespace asio = boost::asio;

template <class T = void>
using Task = asio::awaitable<Result<T>>;

}  // namespace brig
