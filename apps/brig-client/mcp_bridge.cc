#include "mcp_bridge.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>

#include "answer.h"
#include "api/mcp/message.h"
#include "async/timer.h"
#include "base/base64.h"
#include "json/json.h"
#include "lines.h"
#include "sys/file.h"

namespace brig::client {
namespace {

namespace bj = boost::json;

/// As much as the daemon takes; an answer may be larger by its pictures.
constexpr std::size_t kMessageMax = std::size_t{4} << 20;
constexpr std::size_t kAnswerMax = std::size_t{16} << 20;
constexpr std::size_t kAtOnce = 64;
/// How long what runs may go on when the input has ended, and how long the end of the session may take.
constexpr Milliseconds kGrace{5'000};
constexpr int kInternalError = -32603;
constexpr int kParseError = -32700;

bj::object object_of(const std::string& line) {
  auto value = json::parse(line, {.max_bytes = kMessageMax, .max_depth = 64});
  return value && value->is_object() ? std::move(value->get_object()) : bj::object();
}

bj::object member(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : bj::object();
}

/// A value as a header can carry it.
std::string carried(const std::string& text) {
  const bool is_plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
  return is_plain && !text.starts_with("=?") ? text : "=?base64?" + to_base64(text) + "?=";
}

/// What the newest revision's requests say in headers as well.
void add_mirrored(http::Headers& headers, const bj::object& message) {
  const bj::object params = member(message, "params");
  const std::string revision = text_at(member(params, "_meta"), "io.modelcontextprotocol/protocolVersion");
  if (revision.empty() || revision.size() > 64) return;
  headers.add("MCP-Protocol-Version", carried(revision));
  if (const std::string method = text_at(message, "method"); !method.empty() && method.size() < 256)
    headers.add("Mcp-Method", carried(method));
  if (const std::string name = text_at(params, "name"); !name.empty() && name.size() < 1024)
    headers.add("Mcp-Name", carried(name));
}

bool is_events(const http::Response& response) {
  return response.headers().get("Content-Type").starts_with("text/event-stream");
}

}  // namespace

McpBridge::McpBridge(Remote& remote)
    : remote_(remote), settled_(remote.io().get_executor()), tasks_(remote.io().get_executor()) {}

Result<> McpBridge::say(std::string line) {
  std::erase(line, '\n');
  line += '\n';
  return sys::write_all(FdRef(STDOUT_FILENO), line);
}

/// To whoever waits for an answer; a notification has none.
Result<> McpBridge::say_error(const std::string& line, int code, const std::string& sentence) {
  const bj::object message = object_of(line);
  const bj::value* id = message.if_contains("id");
  if (id == nullptr && !message.empty()) return {};
  return say(json::write(bj::object{{"jsonrpc", "2.0"},
                                    {"id", id != nullptr ? *id : bj::value()},
                                    {"error", bj::object{{"code", code}, {"message", sentence}}}}));
}

/// A message as it is, anything else as what it means for whoever asked by `line`.
Result<> McpBridge::say_answer(const std::string& body, int status, const std::string& line) {
  if (body.empty()) return {};
  const auto answer = json::parse(body, {.max_bytes = kAnswerMax, .max_depth = 64, .max_values = json::kManyValues});
  if (answer && answer->is_object() && answer->as_object().contains("jsonrpc")) return say(body);
  return say_error(line, kInternalError, error_of(status, body).message());
}

Task<std::unique_ptr<http::Response>> McpBridge::post(const std::string& line) {
  http::Headers headers = remote_.headers();
  headers.add("Content-Type", "application/json");
  headers.add("Accept", "application/json, text/event-stream");
  if (!session_.empty()) headers.add("Mcp-Session-Id", session_);
  add_mirrored(headers, object_of(line));
  co_return co_await remote_.client().send(
      {.method = "POST", .target = "/mcp", .headers = std::move(headers), .body = line, .source = {}, .length = {}});
}

Task<> McpBridge::open() {
  const std::string begin = json::write(
      bj::object{{"jsonrpc", "2.0"},
                 {"id", "brig"},
                 {"method", "initialize"},
                 {"params", bj::object{{"protocolVersion", "2025-11-25"},
                                       {"capabilities", bj::object()},
                                       {"clientInfo", bj::object{{"name", "brig mcp"}, {"version", BRIG_VERSION}}}}}});
  auto response = co_await post(begin);
  if (!response) co_return std::move(response).error().context("reach the daemon");
  CO_TRY(const std::string body, co_await (*response)->read_body(kAnswerMax));
  if ((*response)->status() != 200) co_return error_of((*response)->status(), body);
  std::string opened((*response)->headers().get("Mcp-Session-Id"));
  if (opened.empty()) co_return Error(Code::kUnsupported, "the daemon speaks no MCP: is it older than this program?");
  session_ = std::move(opened);
  co_return Result<>();
}

/// A session in place of `lost`: one for all whose calls were refused at once.
Task<> McpBridge::reopen(std::string lost) {
  while (is_reopening_) CO_TRY_VOID(co_await settled_.wait());
  if (session_ != lost) co_return Result<>();
  is_reopening_ = true;
  auto opened = co_await open();
  is_reopening_ = false;
  settled_.notify();
  co_return opened;
}

Task<> McpBridge::close() {
  if (session_.empty()) co_return Result<>();
  http::Headers headers = remote_.headers();
  headers.add("Mcp-Session-Id", session_);
  http::Request request{
      .method = "DELETE", .target = "/mcp", .headers = std::move(headers), .body = {}, .source = {}, .length = {}};
  CO_TRY(const auto response,
         co_await with_timeout(kGrace, remote_.client().send(std::move(request)), "ending the session"));
  CO_TRY_VOID(co_await response->read_body(kAnswerMax));
  co_return Result<>();
}

Task<> McpBridge::print_answer(http::Response& response, const std::string& line) {
  if (is_events(response)) {
    while (true) {
      CO_TRY(const auto event, co_await response.read_event());
      if (!event) co_return Result<>();
      if (!event->data.empty()) CO_TRY_VOID(say(event->data));
    }
  }
  CO_TRY(const std::string body, co_await response.read_body(kAnswerMax));
  co_return say_answer(body, response.status(), line);
}

Task<> McpBridge::forward(std::string line) {
  const auto self = shared_from_this();
  const std::string session = session_;
  auto response = co_await post(line);
  if (response && (*response)->status() == 404 && !session.empty()) {
    // A session that the daemon has forgotten, and not a method that it does not know: that is the caller's to hear.
    CO_TRY(const std::string body, co_await (*response)->read_body(kAnswerMax));
    if (text_at(member(member(object_of(body), "error"), "data"), "reason") != api::mcp::kNoSession)
      co_return say_answer(body, 404, line);
    auto opened = co_await reopen(session);
    if (!opened) co_return say_error(line, kInternalError, opened.error().message());
    response = co_await post(line);
  }
  if (!response) co_return say_error(line, kInternalError, response.error().message());
  auto printed = co_await print_answer(**response, line);
  if (!printed && printed.error().code() != Code::kCancelled)
    co_return say_error(line, kInternalError, printed.error().message());
  co_return Result<>();
}

bool McpBridge::is_room() const { return tasks_.size() < kAtOnce && calls_.waiting() < kAtOnce; }

/// Passes a message on, or has it wait if it is a call that must come after others.
void McpBridge::take(std::string line) {
  const bj::object message = object_of(line);
  const std::string method = text_at(message, "method");
  if (method == "tools/call") {
    calls_.add(std::move(line), message);
    make_calls();
    return;
  }
  if (method == "notifications/cancelled") {
    // One that waits is never made, and the daemon has not heard of it. There is no answer to what is cancelled.
    const bj::object params = member(message, "params");
    const bj::value* id = params.if_contains("requestId");
    if (id != nullptr && calls_.drop(*id)) return;
  }
  spawn(forward(std::move(line)));
}

void McpBridge::spawn(Task<> task) {
  tasks_.spawn([](std::shared_ptr<McpBridge> bridge, Task<> inner) -> Task<> {
    auto done = co_await std::move(inner);
    bridge->settled_.notify();
    co_return done;
  }(shared_from_this(), std::move(task)));
}

/// Those that wait for none.
void McpBridge::make_calls() {
  while (auto call = calls_.next()) spawn(make(std::move(call)));
}

Task<> McpBridge::make(std::shared_ptr<McpCalls::Call> call) {
  auto done = co_await forward(call->line);  // has told of its failures what can be told
  calls_.settle(call);
  if (!done && done.error().code() == Code::kCancelled) co_return done;
  make_calls();
  co_return Result<>();
}

Task<> McpBridge::read_all() {
  InputLines lines(kMessageMax);
  while (true) {
    auto line = co_await lines.next();
    if (!line && line.error().code() == Code::kExhausted) {
      CO_TRY_VOID(say_error("", kParseError, line.error().message()));
      continue;
    }
    if (!line) co_return std::move(line).error();
    if (!*line) break;
    if ((*line)->find_first_not_of(" \t\r") == std::string::npos) continue;
    while (!is_room()) CO_TRY_VOID(co_await settled_.wait());
    take(*std::move(*line));
  }
  co_return co_await with_timeout(kGrace, idle(), "what was asked");
}

Task<> McpBridge::idle() {
  while (tasks_.size() > 0) {
    using namespace asio::experimental::awaitable_operators;
    // The last task has told before it is counted out.
    (void)co_await (settled_.wait() || sleep(Milliseconds{20}));
  }
  co_return Result<>();
}

Task<> McpBridge::serve() {
  using namespace asio::experimental::awaitable_operators;
  asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM, SIGHUP);
  auto ended = co_await (read_all() || signals.async_wait(asio::as_tuple(asio::use_awaitable)));
  tasks_.cancel();
  if (ended.index() == 1) co_return Result<>();
  auto read = std::get<0>(std::move(ended));
  if (!read && read.error().code() == Code::kDeadline) co_return Result<>();
  co_return read;
}

}  // namespace brig::client
