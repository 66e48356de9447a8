#pragma once
/// Error: why *we* failed, as a value.
///
/// How a guest's program ended is never an Error (see runtime/exit.h), and a bug of ours is a crash (base/check.h). A
/// message reads outside-in: what was being done, to what, what the system said. It never contains secrets or unbounded
/// guest text.
#include <cstdint>
#include <string>
#include <string_view>

namespace brig {

/// For programs. A new code needs a caller that reacts to it; messages are for people.
enum class Code : std::uint8_t {
  kInvalidArgument,  ///< the caller asked for something malformed or out of range
  kNotFound,         ///< it does not exist
  kDenied,           ///< it exists and may not be touched
  kConflict,         ///< it is not in a state in which that can be done
  kExhausted,        ///< a quota or a limit is used up
  kUnsupported,      ///< this host or this wall cannot do it
  kDeadline,         ///< it took too long
  kCancelled,        ///< somebody asked us to stop
  kUnavailable,      ///< the other side is gone; trying again may help
  kSystem,           ///< the kernel said no: see `Error::os_error`
  kInternal,         ///< a promise between our own parts was broken
};

/// The stable name used in JSON, e.g. "invalid_argument".
[[nodiscard]] std::string_view to_string(Code code);

class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  /// "<what>: <strerror(os_error)>" with code kSystem (kDenied for EPERM and EACCES, kNotFound for ENOENT).
  static Error system(int os_error, std::string_view what);
  /// The same from `errno`.
  static Error last_system(std::string_view what);

  [[nodiscard]] Code code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  /// errno of the system call that failed, or 0.
  [[nodiscard]] int os_error() const { return os_error_; }

  /// Prepends what was being done: "<doing>: <message>".
  Error context(std::string_view doing) &&;

 private:
  Code code_;
  int os_error_ = 0;
  std::string message_;
};

}  // namespace brig
