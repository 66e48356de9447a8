#include "logs.h"

#include <unistd.h>

#include <array>

#include <boost/json/value.hpp>

#include "answer.h"
#include "async/run.h"
#include "json/json.h"
#include "sandbox_request.h"
#include "sys/file.h"

namespace brig::client {
namespace {

constexpr std::size_t kEventMost = std::size_t{1} << 20;

Task<std::unique_ptr<http::Response>> ask(Remote& remote, std::string target) {
  http::Request request{.method = "GET",
                        .target = std::move(target),
                        .headers = remote.headers(),
                        .body = {},
                        .source = {},
                        .length = {}};
  return send(remote.client(), std::move(request));
}

Task<> copy_body(Remote& remote, std::string target) {
  CO_TRY(const auto response, co_await ask(remote, std::move(target)));
  std::array<std::byte, 65536> buffer;
  while (true) {
    CO_TRY(const std::size_t count, co_await response->read_some(buffer));
    if (count == 0) co_return Result<>();
    CO_TRY_VOID(sys::write_all(FdRef(STDOUT_FILENO), {reinterpret_cast<const char*>(buffer.data()), count}));
  }
}

Task<> print_lines(Remote& remote, std::string target) {
  CO_TRY(const auto response, co_await ask(remote, std::move(target)));
  while (true) {
    CO_TRY(const auto event, co_await response->read_event());
    if (!event) co_return Result<>();
    const auto data = json::parse(event->data, {.max_bytes = kEventMost});
    if (event->name != "line" || !data || !data->is_object()) continue;
    const bool is_error = text_at(data->as_object(), "stream") == "stderr";
    CO_TRY_VOID(sys::write_all(FdRef(is_error ? STDERR_FILENO : STDOUT_FILENO), text_at(data->as_object(), "line")));
  }
}

}  // namespace

Result<> show_logs(Remote& remote, const std::string& sandbox) {
  return run(remote.io(), copy_body(remote, path_of(sandbox, "/logs")));
}

Result<> follow_logs(Remote& remote, const std::string& sandbox) {
  return run(remote.io(), print_lines(remote, path_of(sandbox, "/logs?follow=1")));
}

}  // namespace brig::client
