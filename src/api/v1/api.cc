#include "api/v1/api.h"

#include <cerrno>

namespace brig::api::v1 {
namespace {

/// What the kernel inside a sandbox refused, as HTTP says it.
int status_of_errno(int number) {
  switch (number) {
    case ENOENT: return 404;
    case EACCES:
    case EPERM:
    case EROFS: return 403;
    case EEXIST:
    case ENOTEMPTY:
    case EISDIR:
    case ENOTDIR:
    case EXDEV:
    case EBUSY:
    case ENXIO:    // a fifo that nobody reads
    case ETXTBSY:  // a program that runs
    case ELOOP: return 409;
    case EINVAL:
    case ENAMETOOLONG: return 400;
    case EFBIG:  // larger than the whole disk may be
    case ENOSPC:
    case EDQUOT: return 507;
    case EAGAIN:
    case ENOMEM:
    case EMFILE: return 429;
    default: return 500;
  }
}

/// And in a word that stays: "not_found" of a file is told from "not_found" of the sandbox.
std::string_view word_of_errno(const Error& error) {
  switch (error.os_error()) {
    case ENOENT: return "no_such_file";
    case EEXIST: return "exists";
    case ENOTEMPTY: return "not_empty";
    case EISDIR: return "is_a_folder";
    case ENOTDIR: return "not_a_folder";
    case EROFS: return "read_only";
    case EFBIG:
    case ENOSPC:
    case EDQUOT: return "no_space";
    default: return to_string(error.code());
  }
}

}  // namespace

void Api::add_to(http::Router& router) {
  add_sandbox_routes(router);
  add_command_routes(router);
  add_context_routes(router);
  add_channel_routes(router);
  add_file_routes(router);
  add_key_routes(router);
  add_runtime_routes(router);
  add_template_routes(router);
  add_folder_routes(router);
  add_port_routes(router);
  add_pandastack_routes(router);
  add_snapshot_routes(router);
}

http::Reply Api::reply_for(const Error& error, const http::Exchange& exchange) {
  if (error.code() == Code::kDenied && error.message().starts_with(kUnauthenticated)) {
    auto reply = http::error_reply(401, "unauthenticated", error.message().substr(kUnauthenticated.size()),
                                   exchange.request_id());
    reply.headers.add("WWW-Authenticate", "Bearer");
    return reply;
  }
  if (error.os_error() != 0) {
    return http::error_reply(status_of_errno(error.os_error()), word_of_errno(error), error.message(),
                             exchange.request_id());
  }
  auto reply = http::error_reply(error, exchange.request_id());
  if (reply.status == 429 || reply.status == 503) reply.headers.add("Retry-After", "1");
  return reply;
}

Result<Api::Found> Api::find(const http::Exchange& exchange) {
  Found found{.caller = TRY(caller(exchange)), .sandbox = {}, .use = {}};
  const std::string_view id = exchange.parameter("id");
  auto living = sandboxes_.find(found.caller.key, id);
  if (!living) {
    const auto record = store_.sandboxes().get(id);
    if (!record || record->key_id != found.caller.key.id) return std::move(living).error();
    const store::Sandbox ended = sandboxes_.with_end(*record);
    return Error(Code::kNotFound, "sandbox " + ended.id + " has ended (" + ended.end_reason.value_or("just now") +
                                      "), and its files and output with it");
  }
  found.sandbox = *std::move(living);
  return found;
}

Result<Api::Found> Api::find_to_use(const http::Exchange& exchange) {
  Found found = TRY(find(exchange));
  found.use = found.sandbox->use();
  return found;
}

Result<Api::FoundCommand> Api::find_command(const http::Exchange& exchange) {
  Found found = TRY(find_to_use(exchange));
  auto command = found.sandbox->find_command(exchange.parameter("process"));
  if (!command) {
    return Error(Code::kNotFound, "the sandbox has no process " +
                                      std::string(exchange.parameter("process").substr(0, 32)) + " (any more)");
  }
  return FoundCommand{.caller = std::move(found.caller),
                      .sandbox = std::move(found.sandbox),
                      .use = std::move(found.use),
                      .command = command};
}

}  // namespace brig::api::v1
