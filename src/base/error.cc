#include "base/error.h"

#include <cerrno>
#include <cstring>

namespace brig {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return "invalid_argument";
    case Code::kNotFound: return "not_found";
    case Code::kDenied: return "denied";
    case Code::kConflict: return "conflict";
    case Code::kExhausted: return "exhausted";
    case Code::kUnsupported: return "unsupported";
    case Code::kDeadline: return "deadline";
    case Code::kCancelled: return "cancelled";
    case Code::kUnavailable: return "unavailable";
    case Code::kSystem: return "system";
    case Code::kInternal: return "internal";
  }
  return "internal";
}

namespace {

Code code_of(int os_error) {
  switch (os_error) {
    case EPERM:
    case EACCES: return Code::kDenied;
    case ENOENT: return Code::kNotFound;
    default: return Code::kSystem;
  }
}

}  // namespace

Error Error::system(int os_error, std::string_view what) {
  std::string message(what);
  message += ": ";
  message += ::strerrordesc_np(os_error) != nullptr ? ::strerrordesc_np(os_error) : "unknown error";
  Error error(code_of(os_error), std::move(message));
  error.os_error_ = os_error;
  return error;
}

Error Error::last_system(std::string_view what) { return system(errno, what); }

Error Error::context(std::string_view doing) && {
  std::string message(doing);
  message += ": ";
  message += message_;
  message_ = std::move(message);
  return std::move(*this);
}

}  // namespace brig
