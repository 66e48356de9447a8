#include "http/error_reply.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "json/json.h"

namespace brig::http {

int status_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument: return 400;
    case Code::kDenied: return 403;
    case Code::kNotFound: return 404;
    case Code::kConflict: return 409;
    case Code::kExhausted: return 429;
    case Code::kUnsupported: return 501;
    case Code::kCancelled:
    case Code::kUnavailable: return 503;
    case Code::kDeadline: return 504;
    case Code::kSystem:
    case Code::kInternal: return 500;
  }
  return 500;
}

Reply error_reply(const Error& error, std::string_view request_id) {
  return error_reply(status_of(error.code()), to_string(error.code()), error.message(), request_id);
}

Reply error_reply(int status, std::string_view code, std::string_view sentence, std::string_view request_id) {
  boost::json::object body;
  body["error"] = std::string(sentence);
  body["code"] = std::string(code);
  body["request_id"] = std::string(request_id);
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = json::write(boost::json::value(std::move(body))) + "\n"};
}

}  // namespace brig::http
