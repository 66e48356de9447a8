/// What only PandaStack's clients ask for: docs/compat-pandastack.md says method by method what comes of it.
#include <algorithm>
#include <array>
#include <chrono>
#include <map>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "api/v1/api.h"
#include "api/v1/output_stream.h"
#include "api/v1/render.h"
#include "async/timer.h"
#include "base/buffer.h"
#include "json/json.h"
#include "json/utf8.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

constexpr std::size_t kChunk = std::size_t{64} << 10;
/// A comment that often, so that nothing between us and the client thinks the connection dead.
constexpr Milliseconds kKeepAlive{15'000};
/// Lines are sent together up to here.
constexpr std::size_t kLinesMax = std::size_t{64} << 10;

struct NotYet {
  std::string_view route;
  std::string_view name;
  std::string_view sentence;
};

/// Answered with 501. Whoever builds one of these takes its line out.
constexpr std::array kNotYet{
    NotYet{"POST /v1/volumes", "volume_create", "volumes are not supported"},
    NotYet{"POST /v1/me/tokens", "token_create", "keys are made where the daemon runs: brig keys create"},
    NotYet{"DELETE /v1/me/tokens/{prefix}", "token_revoke", "keys are revoked where the daemon runs: brig keys revoke"},
};

/// PandaStack's hosting of apps, functions and databases is no business of a sandbox's.
constexpr std::array<std::string_view, 6> kOutOfScope{"functions", "schedules",     "databases",
                                                      "apps",      "preview-repos", "repos"};

/// One stream of one command, of which whole lines are sent.
struct LineReader {
  std::uint64_t at = 0;    ///< where the next line begins
  std::uint64_t seen = 0;  ///< up to here it has no end

  /// The next bytes that end with a line (or, of a line longer than `buffer`, a part of it; of a command that has
  /// ended, all that is left), or nothing if there are none yet.
  Result<std::string_view> next(const sandboxes::OutputLog& log, bool is_over, std::span<std::byte> buffer) {
    // What has been looked through before is not looked through again with each byte that comes.
    const std::size_t before = seen - at;
    const std::size_t more = TRY(fill(log, seen, buffer.subspan(before)));
    const std::string_view fresh(reinterpret_cast<const char*>(buffer.data() + before), more);
    const std::size_t end = fresh.rfind('\n');
    const bool is_full = before + more == buffer.size();
    if (end == std::string_view::npos && !is_full && !is_over) {
      seen += more;
      return std::string_view();
    }
    TRY(fill(log, at, buffer.first(before)));
    const std::string_view bytes(reinterpret_cast<const char*>(buffer.data()), before + more);
    std::size_t size = before + more;
    if (end != std::string_view::npos) size = before + end + 1;
    else if (is_full) size = json::whole_characters(bytes);
    at += size;
    seen = at;
    return bytes.substr(0, size);
  }

 private:
  /// As much as there is: the log may give less at a time.
  static Result<std::size_t> fill(const sandboxes::OutputLog& log, std::uint64_t offset, std::span<std::byte> buffer) {
    std::size_t count = 0;
    while (count < buffer.size()) {
      const std::size_t more = TRY(log.read(offset + count, buffer.subspan(count)));
      if (more == 0) break;
      count += more;
    }
    return count;
  }
};

std::string line_event(std::string_view line, bool is_out, const std::string& process) {
  const bj::object data{{"line", line}, {"stream", is_out ? "stdout" : "stderr"}, {"process", process}};
  return http::format_event({.name = "line", .data = json::write(data), .id = {}});
}

/// The lines of `bytes`, as events, a piece of them after the other.
Task<> send_lines(http::Exchange& exchange, std::string_view bytes, bool is_out, std::string process) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t size = end == std::string_view::npos ? bytes.size() : end + 1;
    text += line_event(bytes.substr(0, size), is_out, process);
    bytes.remove_prefix(size);
    if (text.size() < kLinesMax && !bytes.empty()) continue;
    CO_TRY_VOID(co_await exchange.write(text));
    text.clear();
  }
  co_return Result<>();
}

}  // namespace

void Api::add_pandastack_routes(http::Router& router) {
  const std::string at = "/v1/sandboxes/{id}/";
  router.add("POST " + at + "hibernate", "sandbox_hibernate", [this](http::Exchange& e) { return hibernate(e); });
  router.add("POST " + at + "wake", "sandbox_wake", [this](http::Exchange& e) { return wake(e); });
  router.add("GET /v1/me/tokens", "token_list", [this](http::Exchange& e) { return list_tokens(e); });
  router.add("GET /v1/volumes", "volume_list", [this](http::Exchange& e) { return none_of(e, R"({"items": []})"); });
  for (const auto& [route, name, what] :
       std::initializer_list<std::array<std::string, 3>>{{"GET /v1/volumes/{name}", "volume_get", "volume"},
                                                         {"DELETE /v1/volumes/{name}", "volume_delete", "volume"}}) {
    router.add(route, name, [this, what](http::Exchange& e) { return not_there(e, what); });
  }
  for (const NotYet& row : kNotYet)
    router.add(row.route, row.name, [this, &row](http::Exchange& e) { return not_yet(e, row.sentence); });
  for (const std::string_view part : kOutOfScope) {
    router.add("* /v1/" + std::string(part) + "/{rest...}", "out_of_scope",
               [this](http::Exchange& e) { return out_of_scope(e); });
  }
}

Task<> Api::not_yet(http::Exchange& exchange, std::string_view sentence) {
  CO_TRY_VOID(caller(exchange));
  if (!exchange.parameter("id").empty()) CO_TRY_VOID(find(exchange));
  co_return Error(Code::kUnsupported, std::string(sentence));
}

Task<> Api::out_of_scope(http::Exchange& exchange) {
  CO_TRY_VOID(caller(exchange));
  co_return Error(Code::kNotFound, "not supported");
}

Task<> Api::none_of(http::Exchange& exchange, std::string json) {
  CO_TRY_VOID(caller(exchange));
  co_return co_await exchange.send_json(200, std::move(json));
}

Task<> Api::not_there(http::Exchange& exchange, std::string what) {
  CO_TRY_VOID(caller(exchange));
  co_return Error(Code::kNotFound,
                  "there is no " + what + " \"" + std::string(exchange.parameter("name").substr(0, 64)) + "\" here");
}

bool Api::hibernates(const sandboxes::Sandbox& sandbox) const {
  return hibernating_.contains(sandbox.spec().id) && sandbox.life().state() == sandboxes::State::kPaused;
}

/// Here that is a pause which the next use ends: the sandbox's memory stays where it is.
Task<> Api::hibernate(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  std::erase_if(hibernating_, [](const auto& entry) { return entry.second.expired(); });
  if (found.sandbox->life().state() != sandboxes::State::kPaused) CO_TRY_VOID(co_await sandboxes_.pause(found.sandbox));
  hibernating_[found.sandbox->spec().id] = found.sandbox;
  co_return co_await exchange.send_json(200, text_of({{"status", "hibernated"}}));
}

Task<> Api::wake(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY_VOID(co_await wake_up(found.sandbox));
  co_return co_await exchange.send_json(200, text_of({{"status", "running"}}));
}

/// Of two that wake it at once one comes too late, and both are served.
Task<> Api::wake_up(std::shared_ptr<sandboxes::Sandbox> sandbox) {
  if (sandbox->life().state() == sandboxes::State::kPaused) {
    auto resumed = co_await sandboxes_.resume(sandbox);
    if (!resumed && sandbox->life().state() != sandboxes::State::kRunning) co_return std::move(resumed).error();
  }
  hibernating_.erase(sandbox->spec().id);
  co_return Result<>();
}

Task<> Api::awake(http::Exchange& exchange, Task<> (Api::*handler)(http::Exchange&)) {
  if (!hibernating_.empty()) {
    CO_TRY(const Found found, find(exchange));
    if (hibernates(*found.sandbox)) CO_TRY_VOID(co_await wake_up(found.sandbox));
  }
  co_return co_await (this->*handler)(exchange);
}

/// Lines of all commands, those to come as well, as server-sent events until the sandbox ends or the client goes.
Task<> Api::follow_logs(http::Exchange& exchange, std::shared_ptr<sandboxes::Sandbox> sandbox, bool wants_out,
                        bool wants_err) {
  using namespace asio::experimental::awaitable_operators;
  std::map<std::string, std::array<LineReader, 2>> readers;
  Buffer buffer(kChunk);
  CO_TRY_VOID(co_await exchange.start_events());
  CO_TRY_VOID(co_await exchange.comment("open"));
  auto quiet_since = std::chrono::steady_clock::now();
  while (true) {
    const bool is_last = sandbox->life().is_ended();
    bool has_sent = false;
    const auto commands = sandbox->commands();
    if (readers.size() > commands.size())  // some were forgotten
      std::erase_if(readers, [&](const auto& reader) { return sandbox->find_command(reader.first) == nullptr; });
    for (const auto& command : commands) {
      const bool is_over = command->end().has_value();
      auto& [out, err] = readers[command->id()];
      for (LineReader* reader : {&out, &err}) {
        const bool is_out = reader == &out;
        if (is_out ? !wants_out : !wants_err) continue;
        CO_TRY(const auto lines, reader->next(is_out ? command->out() : command->err(), is_over, buffer.bytes()));
        if (lines.empty()) continue;
        has_sent = true;
        CO_TRY_VOID(co_await send_lines(exchange, lines, is_out, command->id()));
      }
    }
    const auto now = std::chrono::steady_clock::now();
    if (has_sent) quiet_since = now;
    if (has_sent) continue;
    if (is_last) co_return co_await exchange.finish();
    const auto patience = std::chrono::ceil<Milliseconds>(quiet_since + kKeepAlive - now);
    auto woken = co_await (sandbox->activity() || sleep(std::max(patience, Milliseconds{0})) || exchange.gone());
    if (woken.index() == 2) co_return Result<>();
    if (woken.index() == 0) continue;
    CO_TRY_VOID(co_await exchange.comment("still here"));
    quiet_since = std::chrono::steady_clock::now();
  }
}

Task<> Api::list_tokens(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  const store::Key& key = caller.key;
  const bj::array items{
      bj::object{{"prefix", key.prefix_shown}, {"label", key.label}, {"created_at", format(key.created_at)}}};
  co_return co_await exchange.send_json(200, text_of({{"items", items}}));
}

}  // namespace brig::api::v1
