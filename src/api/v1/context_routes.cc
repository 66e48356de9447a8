/// Contexts: interpreters that keep state from cell to cell. Under `contexts`, and under `repl/sessions` as
/// PandaStack's clients know them.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "api/common/cell_output.h"
#include "api/common/query.h"
#include "api/v1/api.h"
#include "api/v1/output_stream.h"
#include "api/v1/read.h"
#include "api/v1/render.h"
#include "async/timer.h"
#include "base/text.h"
#include "json/json.h"
#include "json/utf8.h"
#include "service/hints.h"
#include "service/run.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;
using sandboxes::CellEvent;
using Kind = CellEvent::Kind;

bj::object to_json(const sandboxes::Context& context) {
  return {{"id", context.spec().id}, {"language", context.spec().language->name}, {"cwd", context.spec().cwd}};
}

bj::object to_json(const service::RichResult& result) {
  bj::object data;
  for (const auto& [mime, form] : result.forms) data[mime] = form;
  return data;
}

/// With what can be done about it, where that is known.
bj::object to_json(const service::ProgramError& error, std::string_view template_name) {
  bj::object object{{"name", error.name}, {"value", error.value}, {"traceback", error.traceback}};
  if (std::string hint = service::hint_for(error, template_name); !hint.empty()) object["hint"] = std::move(hint);
  return object;
}

bj::object to_json(const sandboxes::CellEnd& end) {
  return {{"status", end.status},
          {"exit_code", end.exit_code ? bj::value(*end.exit_code) : bj::value()},
          {"execution_count", end.count},
          {"dropped", end.dropped}};
}

bj::object answer_of(CellOutput& all, std::string_view template_name) {
  all.end.dropped += all.dropped;
  bj::object answer = to_json(all.end);
  answer["stdout"] = all.out.text();
  answer["stdout_elided"] = all.out.elided();
  answer["stderr"] = all.err.text();
  answer["stderr_elided"] = all.err.elided();
  bj::array results;
  for (const CellEvent& event : all.results)
    results.push_back(bj::object{{"data", to_json(event.result)}, {"is_main", event.is_main}});
  answer["results"] = std::move(results);
  answer["error"] = all.error ? bj::value(to_json(*all.error, template_name)) : bj::value();
  return answer;
}

/// As PandaStack's clients read it: forms at the top of each result, the error as a text.
bj::object pandastack_answer_of(CellOutput& all, std::string_view template_name) {
  bj::object answer = answer_of(all, template_name);
  bj::array results;
  for (const CellEvent& event : all.results) results.push_back(to_json(event.result));
  answer["results"] = std::move(results);
  answer["exit_code"] = all.end.exit_code.value_or(all.end.status == "ok" ? 0 : 1);
  if (all.error) answer["error"] = all.error->name + ": " + all.error->value;
  else answer.erase("error");
  return answer;
}

/// {"stdout": …}, {"result": …}, {"error": …} or {"end": …}, by the event's name.
http::Event event_of(const CellEvent& event, std::string_view template_name) {
  switch (event.kind) {
    case Kind::kOut: return {.name = "stdout", .data = json::write(bj::object{{"chunk", event.text}}), .id = {}};
    case Kind::kErr: return {.name = "stderr", .data = json::write(bj::object{{"chunk", event.text}}), .id = {}};
    case Kind::kResult:
      return {.name = "result",
              .data = json::write(bj::object{{"data", to_json(event.result)}, {"is_main", event.is_main}}),
              .id = {}};
    case Kind::kError: return {.name = "error", .data = json::write(to_json(event.error, template_name)), .id = {}};
    case Kind::kEnd: break;
  }
  return {.name = "end", .data = json::write(to_json(event.end)), .id = {}};
}

/// A comment that often, so that nothing between us and the client thinks the connection dead.
constexpr Milliseconds kKeepAlive{15'000};

Error no_context(std::string_view id) {
  return {Code::kNotFound, "the sandbox has no context " + printable(id, 40) + " (POST …/contexts makes one)"};
}

/// One stream's text in whole characters: what a piece cuts comes with the next.
class Characters {
 public:
  std::string take(std::string_view text) {
    cut_ += text;
    std::string whole = cut_.substr(0, json::whole_characters(cut_));
    cut_.erase(0, whole.size());
    return whole;
  }

 private:
  std::string cut_;
};

/// kConflict while the sandbox is paused: a cell's time would go on.
Result<std::shared_ptr<sandboxes::Context>> running_context(sandboxes::Sandbox& sandbox, std::string_view id) {
  auto context = sandbox.find_context(id);
  if (!context) return no_context(id);
  TRY(sandbox.session());
  return context;
}

/// The context that `id` names, or that the language of that name has by itself, from its first use on.
Result<std::shared_ptr<sandboxes::Context>> context_to_run(sandboxes::Sandbox& sandbox, std::string_view id) {
  if (sandbox.find_context(id)) return running_context(sandbox, id);
  const auto language = service::find_language(id);
  if (!language) return Error(Code::kNotFound, no_context(id).message() + "; " + language.error().message());
  return sandbox.default_context(default_context(**language, sandbox.spec()));
}

/// Until the cell's end, or until the client is gone: then whoever has the run interrupts it. What a piece has cut and
/// nothing completes by the cell's end was no character, and is left out.
Task<> stream(http::Exchange& exchange, sandboxes::Context::Run& run, std::string template_name) {
  using namespace asio::experimental::awaitable_operators;
  Characters out;
  Characters err;
  CO_TRY_VOID(co_await exchange.start_events());
  while (true) {
    auto woken = co_await (run.heard() || sleep(kKeepAlive) || exchange.gone());
    if (woken.index() == 2) co_return Result<>();
    if (woken.index() == 1) {
      CO_TRY_VOID(co_await exchange.comment("still running"));
      continue;
    }
    CO_TRY(CellEvent event, co_await run.next());
    if (event.kind == Kind::kOut) event.text = out.take(event.text);
    if (event.kind == Kind::kErr) event.text = err.take(event.text);
    CO_TRY_VOID(co_await exchange.event(event_of(event, template_name)));
    if (event.kind == Kind::kEnd) co_return co_await exchange.finish();
  }
}

}  // namespace

void Api::add_context_routes(http::Router& router) {
  const std::string at = "/v1/sandboxes/{id}/";
  for (const auto& [place, name] :
       {std::pair<std::string, std::string>{"contexts", "context"}, {"repl/sessions", "session"}}) {
    const std::string one = at + place + "/{context}";
    router.add("POST " + at + place, name + "_create",
               [this](http::Exchange& e) { return awake(e, &Api::open_context); });
    router.add("DELETE " + one, name + "_close", [this](http::Exchange& e) { return awake(e, &Api::close_context); });
    router.add("POST " + one + "/run", name + "_run", [this](http::Exchange& e) { return awake(e, &Api::run_cell); });
  }
  const std::string one = at + "contexts/{context}";
  router.add("GET " + at + "contexts", "context_list", [this](http::Exchange& e) { return list_contexts(e); });
  router.add("POST " + one + "/interrupt", "context_interrupt",
             [this](http::Exchange& e) { return awake(e, &Api::interrupt_context); });
  router.add("POST " + one + "/restart", "context_restart",
             [this](http::Exchange& e) { return awake(e, &Api::restart_context); });
}

Task<> Api::open_context(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  const sandboxes::SandboxSpec& of = found.sandbox->spec();
  CO_TRY(sandboxes::ContextSpec spec, read_context(body, of.policy, of.working_folder));
  CO_TRY(const auto context, co_await found.sandbox->open_context(std::move(spec)));
  co_return co_await exchange.send_json(201, text_of(to_json(*context)));
}

Task<> Api::list_contexts(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  bj::array items;
  for (const auto& context : found.sandbox->contexts()) items.emplace_back(to_json(*context));
  co_return co_await exchange.send_json(200, text_of({{"items", std::move(items)}}));
}

/// Runs a cell: whoever goes away before its end has it interrupted. Answered in one piece, or as events while it runs
/// to whoever accepts them.
Task<> Api::run_cell(http::Exchange& exchange) {
  using namespace asio::experimental::awaitable_operators;
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const auto context, context_to_run(*found.sandbox, exchange.parameter("context")));
  CO_TRY(std::string body, co_await exchange.read_body(2 * service::kCellMax));
  CO_TRY(service::Cell cell, read_cell(body, found.sandbox->spec().policy.limits));
  body = {};  // a cell may wait long
  CO_TRY(const auto run, context->run(std::move(cell)));
  const std::string& template_name = found.sandbox->spec().template_name;
  const std::string* accept = exchange.header("Accept");
  if (accept != nullptr && accept->find("text/event-stream") != std::string::npos)
    co_return co_await stream(exchange, *run, template_name);
  CellOutput all(Bytes{std::min(found.sandbox->spec().policy.limits.output.count, sandboxes::kTextMost)});
  auto woken = co_await (collect(*run, all) || exchange.gone());
  if (woken.index() == 1) co_return Result<>();
  CO_TRY_VOID(std::get<0>(std::move(woken)));
  const bool is_theirs = found.caller.dialect == Dialect::kPandaStack;
  co_return co_await exchange.send_json(
      200, text_of(is_theirs ? pandastack_answer_of(all, template_name) : answer_of(all, template_name)));
}

Task<> Api::close_context(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  const std::string_view id = exchange.parameter("context");
  if (!found.sandbox->close_context(id)) co_return no_context(id);
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::interrupt_context(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const auto context, running_context(*found.sandbox, exchange.parameter("context")));
  context->interrupt();
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::restart_context(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const auto context, running_context(*found.sandbox, exchange.parameter("context")));
  context->restart();
  co_return co_await exchange.send(204, {}, {});
}

}  // namespace brig::api::v1
