#include "api/v1/output_stream.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "api/v1/render.h"
#include "async/timer.h"
#include "base/base64.h"
#include "base/buffer.h"
#include "base/number.h"
#include "json/json.h"
#include "json/utf8.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

constexpr std::size_t kChunk = std::size_t{64} << 10;
/// A comment that often, so that nothing between us and the client thinks the connection dead.
constexpr Milliseconds kKeepAlive{15'000};

Result<std::uint64_t> offset_in(std::string_view text, std::string_view what) {
  const auto offset = whole_number<std::uint64_t>(text);
  if (!offset) return Error(Code::kInvalidArgument, std::string(what) + ": a byte offset is expected");
  return *offset;
}

/// One of a command's two streams, on its way to one client.
struct Pipe {
  const sandboxes::OutputLog& log;
  std::string_view name;
  std::uint64_t at = 0;
};

std::string id_of(const Pipe& out, const Pipe& err) { return std::to_string(out.at) + "-" + std::to_string(err.at); }

/// The next bytes of `pipe`; empty if there is nothing (that could be sent as text).
Result<std::string> next_chunk(Pipe& pipe, Encoding encoding, bool is_over, std::span<std::byte> buffer) {
  // The log may give less than there is, and what it gives may end inside a character.
  std::size_t count = 0;
  while (count < buffer.size()) {
    const std::size_t more = TRY(pipe.log.read(pipe.at + count, buffer.subspan(count)));
    if (more == 0) break;
    count += more;
  }
  std::string chunk(reinterpret_cast<const char*>(buffer.data()), count);
  const bool is_last = is_over && pipe.at + count >= pipe.log.kept();
  if (encoding == Encoding::kText && !is_last) chunk.resize(json::whole_characters(chunk));
  pipe.at += chunk.size();
  return chunk;
}

http::Event exit_event(const sandboxes::Command& command, bool is_pandastack) {
  const auto& end = *command.end();
  if (is_pandastack && end.exit.cause == runtime::Cause::kTimeout)
    return {
        .name = "error", .data = json::write(bj::object{{"error", "timeout: the command took too long"}}), .id = {}};
  return {.name = "exit", .data = json::write(to_json(command)), .id = {}};
}

}  // namespace

Result<Offsets> read_offsets(const http::Exchange& exchange) {
  Offsets offsets;
  if (const std::string* last = exchange.header("Last-Event-ID"); last != nullptr && !last->empty()) {
    const std::size_t dash = last->find('-');
    if (dash == std::string::npos) return Error(Code::kInvalidArgument, "Last-Event-ID: \"N-M\" is expected");
    offsets.out = TRY(offset_in(std::string_view(*last).substr(0, dash), "Last-Event-ID"));
    offsets.err = TRY(offset_in(std::string_view(*last).substr(dash + 1), "Last-Event-ID"));
  }
  if (const std::string* out = exchange.target().find("stdout")) offsets.out = TRY(offset_in(*out, "stdout"));
  if (const std::string* err = exchange.target().find("stderr")) offsets.err = TRY(offset_in(*err, "stderr"));
  return offsets;
}

Task<> stream_output(http::Exchange& exchange, std::shared_ptr<sandboxes::Command> command, Offsets from,
                     Encoding encoding, bool is_pandastack) {
  using namespace asio::experimental::awaitable_operators;
  Pipe out{command->out(), "stdout", from.out};
  Pipe err{command->err(), "stderr", from.err};
  Buffer buffer(kChunk);
  CO_TRY_VOID(co_await exchange.start_events({{"Brig-Process-Id", command->id()}}));
  if (!is_pandastack) {
    CO_TRY_VOID(
        co_await exchange.event({.name = "start", .data = json::write(to_json(*command)), .id = id_of(out, err)}));
  }
  while (true) {
    const bool is_over = command->end().has_value();
    bool has_sent = false;
    for (Pipe* pipe : {&out, &err}) {
      CO_TRY(const std::string chunk, next_chunk(*pipe, encoding, is_over, buffer.bytes()));
      if (chunk.empty()) continue;
      has_sent = true;
      const bj::object data =
          encoding == Encoding::kText ? bj::object{{"chunk", chunk}} : bj::object{{"chunk_base64", to_base64(chunk)}};
      CO_TRY_VOID(
          co_await exchange.event({.name = std::string(pipe->name), .data = json::write(data), .id = id_of(out, err)}));
    }
    if (has_sent) continue;
    if (is_over) break;
    auto woken = co_await (command->changed() || sleep(kKeepAlive) || exchange.gone());
    if (woken.index() == 2) co_return Result<>();
    if (woken.index() == 1) CO_TRY_VOID(co_await exchange.comment("still here"));
  }
  CO_TRY_VOID(co_await exchange.event(exit_event(*command, is_pandastack)));
  co_return co_await exchange.finish();
}

}  // namespace brig::api::v1
