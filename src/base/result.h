#pragma once
/// Result<T>: a value or an Error, and the macros that pass errors on.
///
/// `TRY(expr)` is an expression for ordinary functions. In a coroutine use `CO_TRY(auto x, co_await f(a));`, a
/// statement: suspension inside a statement expression is not portable between compilers. `*result` on an unchecked
/// Result aborts
/// (_GLIBCXX_ASSERTIONS is part of every build).
#include <concepts>
#include <expected>
#include <utility>

#include "base/error.h"

namespace brig {

template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
  using Base = std::expected<T, Error>;

 public:
  using Base::Base;
  Result(Error error)  // NOLINT(google-explicit-constructor): `return Error(…)`
      : Base(std::unexpected(std::move(error))) {}

  /// Prepends what was being done to the error, if there is one.
  Result context(std::string_view doing) && {
    if (!this->has_value()) return std::move(this->error()).context(doing);
    return std::move(*this);
  }
};

namespace internal {

template <class T>
Error take_error(Result<T>&& result) {
  return std::move(result).error();
}

template <class T>
T take_value(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace internal
}  // namespace brig

#define BRIG_CONCAT_(a, b) a##b
#define BRIG_CONCAT(a, b) BRIG_CONCAT_(a, b)

/// The value of `…`, or return its error from the enclosing function.
#define TRY(...)                                                                                             \
  ({                                                                                                         \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wshadow\"") auto brig_try_result = \
        (__VA_ARGS__); /* shadows only itself, where TRYs nest */                                            \
    _Pragma("clang diagnostic pop") if (!brig_try_result.has_value()) return ::brig::internal::take_error(   \
        std::move(brig_try_result));                                                                         \
    ::brig::internal::take_value(std::move(brig_try_result));                                                \
  })

/// In a coroutine: `CO_TRY(auto x, co_await f());` declares x, or co_returns the error. The first argument may be empty
/// for Result<>: use CO_TRY_VOID.
#define CO_TRY(declaration, ...)                                                            \
  auto BRIG_CONCAT(brig_result_, __LINE__) = (__VA_ARGS__);                                 \
  if (!BRIG_CONCAT(brig_result_, __LINE__).has_value())                                     \
    co_return ::brig::internal::take_error(std::move(BRIG_CONCAT(brig_result_, __LINE__))); \
  declaration = *std::move(BRIG_CONCAT(brig_result_, __LINE__))

#define CO_TRY_VOID(...)                                                                                  \
  do {                                                                                                    \
    auto brig_try_result = (__VA_ARGS__);                                                                 \
    if (!brig_try_result.has_value()) co_return ::brig::internal::take_error(std::move(brig_try_result)); \
  } while (false)
