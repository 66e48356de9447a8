#include "api/e2b/errors.h"

#include <cerrno>

#include <boost/json/value.hpp>

#include "api/common/caller.h"
#include "api/e2b/guests.h"
#include "json/json.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;

/// What the kernel inside refused.
int status_of_errno(int number) {
  switch (number) {
    case ENOENT: return 404;
    case EACCES:
    case EPERM:
    case EROFS: return 403;
    case EFBIG:
    case ENOSPC:
    case EDQUOT: return 507;
    case EAGAIN:
    case ENOMEM:
    case EMFILE: return 429;
    case EEXIST:
    case ENOTEMPTY:
    case EBUSY:
    case ETXTBSY: return 409;
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
    case ENOTDIR:
    case ELOOP: return 400;
    default: return 500;
  }
}

}  // namespace

http::Reply error_reply(int status, std::string_view message) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}},
          .body = json::write(bj::object{{"code", status}, {"message", message}}) + "\n"};
}

http::Reply no_guest_reply(const http::Exchange& exchange) {
  const auto name = named_guest(exchange);
  const std::string id = name && *name ? (*name)->sandbox_id : std::string();
  return {.status = 502,
          .headers = {{"Content-Type", "application/json"}},
          .body = json::write(bj::object{{"sandboxId", id}, {"message", kNoGuest}, {"code", 502}}) + "\n"};
}

http::Reply reply_for(const Error& error, const http::Exchange& exchange) {
  const std::string_view message = error.message();
  if (error.code() == Code::kNotFound && message == kNoGuest) return no_guest_reply(exchange);
  if (error.code() == Code::kDenied && message.starts_with(kUnauthenticated))
    return error_reply(401, message.substr(kUnauthenticated.size()));
  if (error.os_error() != 0) return error_reply(status_of_errno(error.os_error()), message);
  http::Reply reply = error_reply(http::status_of(error.code()), message);
  if (reply.status == 429 || reply.status == 503) reply.headers.add("Retry-After", "1");
  return reply;
}

}  // namespace brig::api::e2b
