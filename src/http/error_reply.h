#pragma once
/// Replies that say what went wrong: `{"error": "<sentence>", "code": "<stable code>", "request_id": "…"}`.
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/headers.h"

namespace brig::http {

/// A whole answer as a value.
struct Reply {
  int status = 200;
  Headers headers;
  std::string body;
};

/// kInvalidArgument 400, kDenied 403, kNotFound 404, kConflict 409, kExhausted 429, kUnsupported 501, kCancelled and
/// kUnavailable 503, kDeadline 504, kSystem and kInternal 500.
[[nodiscard]] int status_of(Code code);

/// With the code's own name (base/error.h) as stable code.
Reply error_reply(const Error& error, std::string_view request_id);
/// With a status and a stable code of the caller's.
Reply error_reply(int status, std::string_view code, std::string_view sentence, std::string_view request_id);

}  // namespace brig::http
