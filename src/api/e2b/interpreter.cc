#include "api/e2b/interpreter.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "api/e2b/errors.h"
#include "api/e2b/place.h"
#include "async/timer.h"
#include "base/text.h"
#include "json/json.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;
using sandboxes::Context;
using sandboxes::Sandbox;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBodyMost = std::size_t{64} << 10;
/// Output waits so long for more of it, so that what is printed together is told together.
constexpr Milliseconds kGather{40};
/// The clients take a connection for dead that is silent for longer than a few of these.
constexpr Milliseconds kKeepAlive{5'000};
/// A sandbox that was paused is noticed so late.
constexpr Milliseconds kLook{500};
/// The contexts that there are before anybody asked for them.
constexpr std::array<std::string_view, 2> kListed{"python", "javascript"};

Milliseconds until(Clock::time_point moment) {
  return std::max(Milliseconds{0}, std::chrono::ceil<Milliseconds>(moment - Clock::now()));
}

http::Reply text_reply(int status, std::string text) {
  return {.status = status, .headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = std::move(text)};
}

http::Reply unprocessable(const Error& error) {
  return {.status = 422,
          .headers = {{"Content-Type", "application/json"}},
          .body = json::write(bj::object{{"detail", error.message()}}) + "\n"};
}

http::Reply no_context(std::string_view id) { return text_reply(404, "Context " + printable(id, 64) + " not found"); }

bj::object describe(std::string_view id, std::string_view language, std::string_view cwd) {
  return {{"id", id}, {"language", language}, {"cwd", cwd}};
}
bj::object describe(const Context& context) {
  return describe(context.spec().id, context.spec().language->name, context.spec().cwd);
}

/// IPython's shell where the template has it: the clients' users write its magics.
sandboxes::ContextSpec spec_of(const service::Language& language, const Sandbox& sandbox) {
  sandboxes::ContextSpec spec = sandboxes::usual_context(language, sandbox.spec());
  spec.cwd = std::string(kHome);
  return spec;
}

bool is_listed(std::string_view id) { return std::ranges::find(kListed, id) != kListed.end(); }

/// It is neither paused nor ended.
bool runs(const Sandbox& sandbox) { return sandbox.life().state() == sandboxes::State::kRunning; }

Task<> tell_unavailable(http::Exchange& exchange, std::string_view sentence) {
  CellLines lines;
  std::string text =
      lines.take({.kind = sandboxes::CellEvent::Kind::kError,
                  .error = {.name = std::string(kNotAvailable), .value = std::string(sentence), .traceback = {}}},
                 0, wall_now());
  text += lines.take({.kind = sandboxes::CellEvent::Kind::kEnd}, 0, wall_now());
  co_return co_await exchange.send(200, {{"Content-Type", "application/x-ndjson"}}, std::move(text));
}

/// A browser says whose page asks. E2B's clients are none, and ports of other sandboxes are of the same site.
bool is_of_a_page(const http::Exchange& exchange) {
  const std::string* site = exchange.header("Sec-Fetch-Site");
  if (site != nullptr && *site != "same-origin" && *site != "none") return true;
  const std::string* origin = exchange.header("Origin");
  if (origin == nullptr) return false;
  const auto at = origin->find("://");
  return at == std::string::npos ||
         !http::equals_ignoring_case(std::string_view(*origin).substr(at + 3), exchange.authority());
}

/// What a page cannot send without asking first.
bool is_json(const http::Exchange& exchange) {
  return http::equals_ignoring_case(http::media_type(exchange.headers().get("Content-Type")), "application/json");
}

/// Requests about contexts need no token: no page may have a visitor's browser send them.
std::optional<http::Reply> refuse_page(const http::Exchange& exchange) {
  if (is_of_a_page(exchange)) return error_reply(403, "web pages of other origins may not speak to interpreters");
  if (exchange.content_length() != 0 && !is_json(exchange))
    return error_reply(415, "a body is expected with Content-Type: application/json");
  return {};
}

/// Until the cell's end. Whoever goes away before has it interrupted. If the sandbox ends or is paused, the answer
/// breaks off: the clients then ask whether it lives.
Task<> stream(http::Exchange& exchange, Context::Run& run, std::shared_ptr<Sandbox> sandbox) {
  using namespace asio::experimental::awaitable_operators;
  CO_TRY_VOID(co_await exchange.start(200, {{"Content-Type", "application/x-ndjson"}}));
  CellLines lines;
  auto told = Clock::now();
  std::optional<Clock::time_point> flush_at;
  while (true) {
    const auto next = flush_at ? std::min(*flush_at, told + kKeepAlive) : told + kKeepAlive;
    auto woken = co_await (run.heard() || sleep(std::min(kLook, until(next))) || exchange.gone());
    if (woken.index() == 2) co_return Result<>();
    if (!runs(*sandbox)) co_return Error(Code::kCancelled, "the sandbox runs no more");
    std::string text;
    bool is_over = false;
    if (woken.index() == 0) {
      CO_TRY(sandboxes::CellEvent event, co_await run.next());
      is_over = event.kind == sandboxes::CellEvent::Kind::kEnd;
      text = lines.take(std::move(event), run.count(), wall_now());
    }
    if (flush_at && *flush_at <= Clock::now()) text += lines.flush(wall_now());
    if (text.empty() && Clock::now() >= told + kKeepAlive) text = keepalive_line();
    if (!lines.holds()) flush_at.reset();
    else if (!flush_at) flush_at = Clock::now() + kGather;
    if (text.empty()) continue;
    told = Clock::now();
    CO_TRY_VOID(co_await exchange.write(text));
    if (is_over) co_return co_await exchange.finish();
  }
}

}  // namespace

void Interpreter::add_to(http::Router& router) {
  const auto add = [&](std::string_view pattern, std::string_view name,
                       Task<> (Interpreter::*handle)(http::Exchange&)) {
    router.add(pattern, name, [this, handle](http::Exchange& exchange) {
      auto refusal = refuse_page(exchange);
      return refusal ? exchange.send(*std::move(refusal)) : (this->*handle)(exchange);
    });
  };
  router.add("GET /health", "e2b_code_health", [](http::Exchange& e) { return e.send_json(200, "\"OK\""); });
  add("POST /execute", "e2b_execute", &Interpreter::execute);
  add("POST /contexts", "e2b_context_create", &Interpreter::create);
  add("GET /contexts", "e2b_context_list", &Interpreter::list);
  add("POST /contexts/{context}/restart", "e2b_context_restart", &Interpreter::restart);
  add("DELETE /contexts/{context}", "e2b_context_remove", &Interpreter::remove);
}

Task<> Interpreter::execute(http::Exchange& exchange) {
  CO_TRY(const Guest guest, guests_.find(exchange));
  CO_TRY_VOID(guests_.expect_access_token(exchange, guest));
  CO_TRY(std::string body, co_await exchange.read_body(2 * service::kCellMax));
  auto wanted = read_execution(body);
  body = {};  // a cell may wait long
  if (!wanted) co_return co_await exchange.send(unprocessable(wanted.error()));
  if (!wanted->context_id.empty() && !wanted->language.empty())
    co_return co_await exchange.send(text_reply(400, "Only one of context_id or language can be provided"));
  auto context = guest.sandbox->find_context(wanted->context_id);
  if (!context) {
    if (!wanted->context_id.empty() && !is_listed(wanted->context_id))
      co_return co_await exchange.send(no_context(wanted->context_id));
    const std::string& named = wanted->context_id.empty() ? wanted->language : wanted->context_id;
    const auto language = service::find_language(named.empty() ? kListed.front() : std::string_view(named));
    if (!language) co_return co_await tell_unavailable(exchange, language.error().message());
    CO_TRY(context, guest.sandbox->default_context(spec_of(**language, *guest.sandbox)));
  }
  CO_TRY(const auto run, context->run(std::move(wanted->cell)));
  co_return co_await stream(exchange, *run, guest.sandbox);
}

Task<> Interpreter::create(http::Exchange& exchange) {
  CO_TRY(const Guest guest, guests_.find(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMost));
  const auto wanted = read_new_context(body);
  if (!wanted) co_return co_await exchange.send(unprocessable(wanted.error()));
  const auto language = service::find_language(wanted->language);
  if (!language) co_return co_await exchange.send(text_reply(500, std::string(language.error().message())));
  sandboxes::ContextSpec spec = spec_of(**language, *guest.sandbox);
  if (!wanted->cwd.empty()) {
    auto folder = resolve_path(wanted->cwd, *guest.sandbox);
    if (!folder) co_return co_await exchange.send(text_reply(500, std::string(folder.error().message())));
    spec.cwd = folder->text();
  }
  auto context = co_await guest.sandbox->open_context(std::move(spec));
  if (!context && !runs(*guest.sandbox)) co_return Error(Code::kNotFound, std::string(kNoGuest));
  if (!context && context.error().code() != Code::kExhausted)
    co_return co_await exchange.send(text_reply(500, std::string(context.error().message())));
  if (!context) co_return std::move(context).error();
  co_return co_await exchange.send_json(200, json::write(describe(**context)));
}

Task<> Interpreter::list(http::Exchange& exchange) {
  CO_TRY(const Guest guest, guests_.find(exchange));
  bj::array contexts;
  for (const std::string_view name : kListed) {
    const auto begun = guest.sandbox->find_context(name);
    contexts.emplace_back(begun ? describe(*begun) : describe(name, name, kHome));
  }
  for (const auto& context : guest.sandbox->contexts()) {
    if (!is_listed(context->spec().id)) contexts.emplace_back(describe(*context));
  }
  co_return co_await exchange.send_json(200, json::write(contexts));
}

Task<> Interpreter::restart(http::Exchange& exchange) {
  CO_TRY(const Guest guest, guests_.find(exchange));
  const std::string_view id = exchange.parameter("context");
  const auto context = guest.sandbox->find_context(id);
  if (context) context->restart();
  else if (!is_listed(id)) co_return co_await exchange.send(no_context(id));
  co_return co_await exchange.send_json(200, "null");
}

Task<> Interpreter::remove(http::Exchange& exchange) {
  CO_TRY(const Guest guest, guests_.find(exchange));
  const std::string_view id = exchange.parameter("context");
  if (!guest.sandbox->close_context(id) && !is_listed(id)) co_return co_await exchange.send(no_context(id));
  co_return co_await exchange.send_json(200, "null");
}

}  // namespace brig::api::e2b
