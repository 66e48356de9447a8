#include <csignal>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "api/common/query.h"
#include "api/v1/api.h"
#include "api/v1/output_stream.h"
#include "api/v1/read.h"
#include "api/v1/render.h"
#include "async/timer.h"
#include "base/buffer.h"
#include "json/json.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

constexpr std::size_t kChunk = std::size_t{64} << 10;
constexpr Milliseconds kWaitMost{60'000};
constexpr Milliseconds kPing{20'000};
/// How long one that is killed may take to end before that is left to the client to wait for.
constexpr Milliseconds kKillPatience{5'000};

Result<Encoding> encoding_of(const http::Exchange& exchange) {
  const std::string* text = exchange.target().find("encoding");
  if (text == nullptr || *text == "text") return Encoding::kText;
  if (*text == "base64") return Encoding::kBase64;
  return Error(Code::kInvalidArgument, "encoding: \"text\" or \"base64\" is expected");
}

/// From a terminal's client: bytes for the program, or the terminal's new size.
Result<> take_message(sandboxes::Command& command, const http::Message& message) {
  auto value = TRY(json::parse(message.bytes));
  if (!value.is_object()) return Error(Code::kInvalidArgument, "an object is expected");
  const bj::object& object = value.as_object();
  const bj::value* resize = object.if_contains("resize");
  return command.resize(TRY(read_size(json::write(resize != nullptr ? *resize : value))));
}

/// What the program prints, to the client, until its end.
Task<> send_output(http::WebSocket& socket, std::shared_ptr<sandboxes::Command> command, std::uint64_t at) {
  using namespace asio::experimental::awaitable_operators;
  Buffer buffer(kChunk);
  while (true) {
    const bool is_over = command->end().has_value();
    CO_TRY(const std::size_t count, command->out().read(at, buffer.bytes()));
    if (count > 0) {
      at += count;
      CO_TRY_VOID(co_await socket.write_binary({reinterpret_cast<const char*>(buffer.bytes().data()), count}));
      continue;
    }
    if (is_over) break;
    CO_TRY_VOID(co_await command->changed());
  }
  bj::object end = to_json(*command);
  end["exit"] = end["exit_code"];
  CO_TRY_VOID(co_await socket.write_text(json::write(end)));
  co_return co_await socket.close();
}

Task<> write_in_turn(std::shared_ptr<sandboxes::Command> command, std::string bytes) {
  sandboxes::Command::InputTurn turn(command);
  CO_TRY_VOID(co_await turn.come());
  co_return co_await command->write_stdin(std::move(bytes));
}

/// What the client types, to the program, until the client goes.
Task<> take_input(http::WebSocket& socket, std::shared_ptr<sandboxes::Command> command) {
  while (true) {
    CO_TRY(http::Message message, co_await socket.read(kChunk));
    switch (message.kind) {
      case http::Message::Kind::kClose: co_return Result<>();
      case http::Message::Kind::kText: {
        auto taken = take_message(*command, message);
        if (!taken && taken.error().code() == Code::kInvalidArgument) co_return std::move(taken).error();
        break;
      }
      case http::Message::Kind::kBinary: {
        auto written = co_await write_in_turn(command, std::move(message.bytes));
        if (!written && !command->end()) co_return std::move(written).error();
        break;
      }
    }
  }
}

}  // namespace

void Api::add_command_routes(http::Router& router) {
  const std::string at = "/v1/sandboxes/{id}/";
  const std::string process = at + "processes/{process}";
  router.add("POST " + at + "exec", "exec", [this](http::Exchange& e) { return awake(e, &Api::exec); });
  router.add("POST " + at + "exec/stream", "exec_stream",
             [this](http::Exchange& e) { return awake(e, &Api::exec_stream); });
  router.add("GET " + at + "processes", "process_list", [this](http::Exchange& e) { return list_commands(e); });
  router.add("GET " + process, "process_get", [this](http::Exchange& e) { return get_command(e); });
  router.add("DELETE " + process, "process_kill", [this](http::Exchange& e) { return awake(e, &Api::kill_command); });
  router.add("GET " + process + "/wait", "process_wait", [this](http::Exchange& e) { return wait_command(e); });
  router.add("GET " + process + "/stream", "process_stream", [this](http::Exchange& e) { return follow_command(e); });
  router.add("GET " + process + "/output", "process_output", [this](http::Exchange& e) { return read_output(e); });
  router.add("POST " + process + "/signal", "process_signal",
             [this](http::Exchange& e) { return awake(e, &Api::signal_command); });
  router.add("POST " + process + "/stdin", "stdin_write",
             [this](http::Exchange& e) { return awake(e, &Api::write_stdin); });
  router.add("DELETE " + process + "/stdin", "stdin_close",
             [this](http::Exchange& e) { return awake(e, &Api::close_stdin); });
  router.add("POST " + process + "/resize", "process_resize", [this](http::Exchange& e) { return resize_command(e); });
  router.add("GET " + process + "/attach", "process_attach",
             [this](http::Exchange& e) { return awake(e, &Api::attach); });
  router.add("GET " + at + "logs", "logs", [this](http::Exchange& e) { return logs(e); });
}

/// Reads the body and starts the command, which gets its input when it reads it.
Task<std::shared_ptr<sandboxes::Command>> Api::start(const Found& found, http::Exchange& exchange,
                                                     bool& is_background) {
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(ExecBody wanted, read_exec(body, found.sandbox->spec().policy, found.sandbox->spec().working_folder));
  is_background = wanted.is_background;
  co_return co_await found.sandbox->start(std::move(wanted.spec), std::move(wanted.input));
}

Task<> Api::exec(http::Exchange& exchange) {
  using namespace asio::experimental::awaitable_operators;
  CO_TRY(const Found found, find_to_use(exchange));
  bool is_background = false;
  CO_TRY(const auto command, co_await start(found, exchange, is_background));
  if (is_background) co_return co_await exchange.send_json(202, text_of(to_json(*command)));
  auto woken = co_await (command->wait() || exchange.gone());
  if (woken.index() == 1) co_return Result<>();  // the command is the sandbox's, and goes on
  CO_TRY_VOID(std::get<0>(std::move(woken)));
  const auto& end = *command->end();
  if (found.caller.dialect == Dialect::kPandaStack && end.exit.cause == runtime::Cause::kTimeout) {
    co_return co_await exchange.send(
        http::error_reply(504, "timeout", "timeout: the command took longer than " + format(*command->spec().timeout),
                          exchange.request_id()));
  }
  CO_TRY(const bj::object result, result_json(*command));
  co_return co_await exchange.send_json(200, text_of(result));
}

Task<> Api::exec_stream(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const Encoding encoding, encoding_of(exchange));
  bool is_background = false;
  CO_TRY(const auto command, co_await start(found, exchange, is_background));
  co_return co_await stream_output(exchange, command, {}, encoding, found.caller.dialect == Dialect::kPandaStack);
}

Task<> Api::list_commands(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  bj::array items;
  for (const auto& command : found.sandbox->commands()) items.emplace_back(to_json(*command));
  co_return co_await exchange.send_json(200, text_of({{"items", std::move(items)}}));
}

Task<> Api::get_command(http::Exchange& exchange) {
  CO_TRY(const FoundCommand found, find_command(exchange));
  co_return co_await exchange.send_json(200, text_of(to_json(*found.command)));
}

/// The result, once there is one; what it is now after `timeout_ms`.
Task<> Api::wait_command(http::Exchange& exchange) {
  using namespace asio::experimental::awaitable_operators;
  CO_TRY(const FoundCommand found, find_command(exchange));
  CO_TRY(const std::uint64_t limit, number_of(exchange, "timeout_ms", static_cast<std::uint64_t>(kWaitMost.count())));
  const Milliseconds patience = std::min(kWaitMost, Milliseconds(std::min<std::uint64_t>(limit, 86'400'000)));
  auto woken = co_await (found.command->wait() || sleep(patience) || exchange.gone());
  if (woken.index() == 2) co_return Result<>();
  if (!found.command->end()) co_return co_await exchange.send_json(200, text_of(to_json(*found.command)));
  CO_TRY(const bj::object result, result_json(*found.command));
  co_return co_await exchange.send_json(200, text_of(result));
}

Task<> Api::follow_command(http::Exchange& exchange) {
  CO_TRY(const FoundCommand found, find_command(exchange));
  CO_TRY(const Offsets from, read_offsets(exchange));
  CO_TRY(const Encoding encoding, encoding_of(exchange));
  co_return co_await stream_output(exchange, found.command, from, encoding, false);
}

/// The bytes of one stream from an offset on, as far as there are any now.
Task<> Api::read_output(http::Exchange& exchange) {
  CO_TRY(const FoundCommand found, find_command(exchange));
  const std::string* stream = exchange.target().find("stream");
  if (stream != nullptr && *stream != "stdout" && *stream != "stderr")
    co_return Error(Code::kInvalidArgument, "stream: \"stdout\" or \"stderr\" is expected");
  const sandboxes::OutputLog& log =
      stream != nullptr && *stream == "stderr" ? found.command->err() : found.command->out();
  CO_TRY(std::uint64_t at, number_of(exchange, "offset", 0));
  const std::uint64_t end = log.kept();
  at = std::min(at, end);
  http::Headers headers{{"Content-Type", "application/octet-stream"},
                        {"Brig-Offset", std::to_string(at)},
                        {"Brig-Next-Offset", std::to_string(end)},
                        {"Brig-Dropped", std::to_string(log.dropped())},
                        {"Brig-Running", found.command->end() ? "false" : "true"}};
  CO_TRY_VOID(co_await exchange.start(200, std::move(headers), end - at));
  Buffer buffer(kChunk);
  while (at < end) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, end - at));
    CO_TRY(const std::size_t count, log.read(at, buffer.bytes().first(piece)));
    if (count == 0) co_return Error(Code::kInternal, "a command's output ended early");
    CO_TRY_VOID(co_await exchange.write({reinterpret_cast<const char*>(buffer.bytes().data()), count}));
    at += count;
  }
  co_return co_await exchange.finish();
}

Task<> Api::signal_command(http::Exchange& exchange) {
  CO_TRY(const FoundCommand found, find_command(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const SignalBody signal, read_signal(body));
  CO_TRY_VOID(found.command->signal(signal.number));
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::kill_command(http::Exchange& exchange) {
  CO_TRY(const FoundCommand found, find_command(exchange));
  if (!found.command->end()) CO_TRY_VOID(found.command->signal(SIGKILL));
  (void)co_await with_timeout(kKillPatience, found.command->wait(), "the command's end");
  if (!found.command->end()) co_return co_await exchange.send_json(202, text_of(to_json(*found.command)));
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::write_stdin(http::Exchange& exchange) {
  CO_TRY(const FoundCommand found, find_command(exchange));
  exchange.allow_silence();
  sandboxes::Command::InputTurn turn(found.command);
  CO_TRY_VOID(co_await turn.come());
  Buffer buffer(kChunk);
  std::uint64_t total = 0;
  while (true) {
    CO_TRY(const std::size_t count, co_await exchange.read_some(buffer.bytes()));
    if (count == 0) break;
    total += count;
    CO_TRY_VOID(co_await found.command->write_stdin({reinterpret_cast<const char*>(buffer.bytes().data()), count}));
  }
  const std::string* close = exchange.target().find("close");
  if (close != nullptr && (*close == "1" || *close == "true")) CO_TRY_VOID(found.command->close_stdin());
  co_return co_await exchange.send_json(200, text_of({{"bytes", total}}));
}

Task<> Api::close_stdin(http::Exchange& exchange) {
  CO_TRY(const FoundCommand found, find_command(exchange));
  if (!found.command->end()) CO_TRY_VOID(found.command->close_stdin());
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::resize_command(http::Exchange& exchange) {
  CO_TRY(const FoundCommand found, find_command(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const guest::TerminalSize size, read_size(body));
  CO_TRY_VOID(found.command->resize(size));
  co_return co_await exchange.send(204, {}, {});
}

/// A WebSocket to a running command: what it writes to stdout (a terminal's is all) as binary messages from `offset`
/// on, its input as binary messages,
/// {"type": "resize", …} as text; its end as a text. Going away leaves the command running.
Task<> Api::attach(http::Exchange& exchange) {
  using namespace asio::experimental::awaitable_operators;
  CO_TRY(const FoundCommand found, find_command(exchange));
  CO_TRY(const std::uint64_t offset, number_of(exchange, "offset", 0));
  CO_TRY(const auto socket, co_await exchange.accept_websocket());
  socket->keep_alive(kPing);
  auto ended = co_await (send_output(*socket, found.command, offset) || take_input(*socket, found.command));
  if (ended.index() == 1 && !socket->is_closed()) (void)co_await socket->close();
  co_return Result<>();
}

/// Everything the sandbox's commands printed, as far as it is remembered, one command after the other.
Task<> Api::logs(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  const std::string* stream = exchange.target().find("stream");
  const bool wants_out = stream == nullptr || stream->empty() || *stream != "stderr";
  const bool wants_err = stream == nullptr || stream->empty() || *stream != "stdout";
  const std::string* follow = exchange.target().find("follow");
  if (follow != nullptr && (*follow == "1" || *follow == "true"))
    co_return co_await follow_logs(exchange, found.sandbox, wants_out, wants_err);
  CO_TRY_VOID(co_await exchange.start(200, {{"Content-Type", "text/plain; charset=utf-8"}}));
  for (const auto& command : found.sandbox->commands()) {
    if (wants_out) {
      CO_TRY(const auto out, command->out().text(command->limit_of_text()));
      CO_TRY_VOID(co_await exchange.write(out.text));
    }
    if (wants_err) {
      CO_TRY(const auto err, command->err().text(command->limit_of_text()));
      CO_TRY_VOID(co_await exchange.write(err.text));
    }
  }
  co_return co_await exchange.finish();
}

}  // namespace brig::api::v1
