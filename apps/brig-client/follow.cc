#include "follow.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "../brig/options.h"
#include "answer.h"
#include "async/run.h"
#include "async/stream.h"
#include "async/timer.h"
#include "base/base64.h"
#include "base/buffer.h"
#include "json/json.h"
#include "sys/file.h"

namespace brig::client {
namespace {

namespace bj = boost::json;

constexpr std::size_t kPiece = std::size_t{256} << 10;
constexpr std::size_t kEventMost = std::size_t{16} << 20;
constexpr int kUnknownExitCode = 125;
constexpr Milliseconds kForEver = Milliseconds::max() / 2;

/// Whether reading may have to wait; what epoll does not take (files, /dev/null) is always ready.
bool may_wait(FdRef file) {
  struct stat info = {};
  if (::fstat(file.get(), &info) < 0) return false;
  return S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || ::isatty(file.get()) == 1;
}

Task<> ask(Remote& remote, std::string method, std::string target, std::string body) {
  http::Request request{.method = std::move(method),
                        .target = std::move(target),
                        .headers = remote.headers(),
                        .body = std::move(body),
                        .source = {},
                        .length = {}};
  CO_TRY(const auto response, co_await send(remote.client(), std::move(request)));
  CO_TRY_VOID(co_await response->read_body());
  co_return Result<>();
}

/// Each piece is a request of its own, so that input which comes slowly is no request that takes too long.
Task<> send_input(Remote& remote, std::string path) {
  const FdRef file(STDIN_FILENO);
  const bool waits = may_wait(file);
  Buffer buffer(kPiece);
  while (true) {
    if (waits) CO_TRY_VOID(co_await wait_readable(file));
    const ssize_t count = ::read(file.get(), buffer.bytes().data(), buffer.bytes().size());
    if (count < 0) co_return Error::last_system("read standard input");
    if (count == 0) break;
    std::string piece(reinterpret_cast<const char*>(buffer.bytes().data()), static_cast<std::size_t>(count));
    CO_TRY_VOID(co_await ask(remote, "POST", path, std::move(piece)));
  }
  co_return co_await ask(remote, "DELETE", std::move(path), {});
}

/// Ends only with an error: a command that does not want its input any more, or has all of it, goes on.
Task<> serve_input(Remote& remote, std::string path) {
  auto sent = co_await send_input(remote, std::move(path));
  if (!sent && sent.error().code() != Code::kConflict && sent.error().code() != Code::kNotFound) co_return sent;
  co_return co_await sleep(kForEver);
}

Task<int> print_events(http::Response& response) {
  while (true) {
    CO_TRY(const auto event, co_await response.read_event());
    if (!event) co_return Error(Code::kUnavailable, "the daemon is gone; whether the command goes on is not known");
    const auto data = json::parse(event->data, {.max_bytes = kEventMost});
    if (!data || !data->is_object()) continue;
    const bj::object& object = data->as_object();
    if (event->name == "stdout" || event->name == "stderr") {
      const auto bytes = from_base64(text_at(object, "chunk_base64"));
      if (!bytes) co_return Error(Code::kInternal, "the daemon sent output that is not base64");
      CO_TRY_VOID(sys::write_all(FdRef(event->name == "stdout" ? STDOUT_FILENO : STDERR_FILENO), *bytes));
    } else if (event->name == "exit") {
      const std::string note = text_at(object, "note");
      const std::string status = text_at(object, "status");
      if (!note.empty()) cli::complain(note);
      else if (status == "timeout" || status.ends_with("_limit")) cli::complain("ended by a limit: " + status);
      const bj::value* code = object.if_contains("exit_code");
      co_return code != nullptr && code->is_int64() ? static_cast<int>(code->as_int64()) : kUnknownExitCode;
    }
  }
}

Task<int> talk(Remote& remote, http::Request request, std::string sandbox, bool has_input) {
  using namespace asio::experimental::awaitable_operators;
  CO_TRY(const auto response, co_await send(remote.client(), std::move(request)));
  if (!has_input) co_return co_await print_events(*response);
  const std::string id(response->headers().get("Brig-Process-Id"));
  const std::string path =
      "/v1/sandboxes/" + http::percent_encode(sandbox) + "/processes/" + http::percent_encode(id) + "/stdin";
  auto ended = co_await (print_events(*response) || serve_input(remote, path));
  if (ended.index() == 0) co_return std::get<0>(std::move(ended));
  CO_TRY_VOID(std::get<1>(std::move(ended)));
  co_return kUnknownExitCode;
}

}  // namespace

Result<int> follow(Remote& remote, http::Request request, const std::string& sandbox, bool has_input) {
  return run(remote.io(), talk(remote, std::move(request), sandbox, has_input));
}

}  // namespace brig::client
