#include "api/mcp/mcp.h"

#include <algorithm>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "api/mcp/tools.h"
#include "async/timer.h"
#include "base/text.h"
#include "json/json.h"

namespace brig::api::mcp {
namespace {

namespace bj = boost::json;

constexpr std::string_view kSessionHeader = "Mcp-Session-Id";
constexpr std::string_view kRevisionHeader = "MCP-Protocol-Version";
/// A call that has taken so long shows a sign of life, and from then on as often; sooner where progress is asked for.
constexpr Milliseconds kKeepAlive{15'000};
constexpr Milliseconds kProgress{2'000};
constexpr Milliseconds kForEver = Milliseconds::max() / 2;
/// What does not change before the daemon is started anew.
constexpr std::int64_t kFreshMs = 300'000;

std::string_view header(const http::Exchange& exchange, std::string_view name) {
  const std::string* field = exchange.header(name);
  return field != nullptr ? std::string_view(*field) : std::string_view();
}

bool accepts_events(const http::Exchange& exchange) {
  return header(exchange, "Accept").find("text/event-stream") != std::string_view::npos;
}

bj::object server_info() { return {{"name", "brig"}, {"title", "Brig"}, {"version", BRIG_VERSION}}; }

bj::object capabilities() { return {{"tools", bj::object()}}; }

/// Where a refusal stands in HTTP. The revisions with sessions have those of a request within a good answer.
int status_of(const Refusal& refusal, bool is_stateless_client) {
  switch (refusal.fault) {
    case Fault::kMethodNotFound: return is_stateless_client ? 404 : 200;
    case Fault::kInvalidParams: return is_stateless_client ? 400 : 200;
    case Fault::kInternal: return 500;
    default: return 400;
  }
}

Task<> send_json(http::Exchange& exchange, int status, std::string body) {
  co_return co_await exchange.send(status, {{"Content-Type", "application/json"}}, std::move(body));
}

/// The key of a request's id among the calls that run.
std::string key_of(const bj::value& id) { return json::write(id); }

/// A call among those of its session for as long as this lives.
class Registered {
 public:
  Registered(std::shared_ptr<Session> session, std::string id, std::shared_ptr<Call> call)
      : session_(std::move(session)), id_(std::move(id)) {
    if (session_) session_->calls.emplace(id_, std::move(call));
  }
  Registered(const Registered&) = delete;
  Registered& operator=(const Registered&) = delete;
  ~Registered() {
    if (session_) session_->calls.erase(id_);
  }

 private:
  std::shared_ptr<Session> session_;
  std::string id_;
};

/// Suspends for ever; cancels the call when its client is gone.
Task<> see_off(http::Exchange& exchange, std::shared_ptr<Call> call) {
  const auto gone = co_await exchange.gone();
  if (!gone && gone.error().code() == Code::kCancelled) co_return gone;  // the call has ended
  call->cancel();
  co_return co_await sleep(kForEver);
}

/// Suspends for ever; meanwhile the client sees that the call goes on.
Task<> show_life(http::Exchange& exchange, std::shared_ptr<Call> call, bj::value token) {
  if (!accepts_events(exchange)) co_return co_await sleep(kForEver);
  const Milliseconds pause = token.is_null() ? kKeepAlive : kProgress;
  for (std::int64_t n = 1;; ++n) {
    CO_TRY_VOID(co_await sleep(pause));
    if (call->is_cancelled()) continue;
    auto shown = exchange.has_started() ? Result<>() : co_await exchange.start_events({{"X-Accel-Buffering", "no"}});
    if (shown && token.is_null()) shown = co_await exchange.comment("still running");
    else if (shown) {
      const std::string sentence = "running for " + format(pause * n);
      shown = co_await exchange.event({.name = "message", .data = progress_text(token, n, sentence), .id = {}});
    }
    if (!shown && shown.error().code() == Code::kCancelled) co_return shown;
    if (!shown) call->cancel();
  }
}

}  // namespace

Mcp::Mcp(sandboxes::Sandboxes& sandboxes, Creation& creation, store::Store& store, WallClock clock,
         std::vector<std::string> origins, const asio::any_io_executor& executor)
    : store_(store), clock_(std::move(clock)), origins_(std::move(origins)), executor_(executor),
      toolbox_(sandboxes, creation, executor), sessions_([this](const Session& session) {
        if (!session.sandbox_id.empty()) tasks_.spawn(toolbox_.clear(session.key_id, session.sandbox_id));
      }),
      tasks_(executor) {}

void Mcp::add_to(http::Router& router) {
  router.add("POST /mcp", "mcp_message", [this](http::Exchange& e) { return take(e); });
  router.add("DELETE /mcp", "mcp_session_end", [this](http::Exchange& e) { return end_session(e); });
}

/// A page of another origin has no business here, whatever name it reached us by (DNS rebinding).
Result<Caller> Mcp::admit(const http::Exchange& exchange) {
  const std::string_view origin = header(exchange, "Origin");
  if (!origin.empty() && std::ranges::find(origins_, origin) == origins_.end())
    return Error(Code::kDenied, "pages of " + printable(origin, 100) + " may not ask here (brig serve --allow-origin)");
  return find_caller(exchange, store_, clock_());
}

Task<> Mcp::refuse(http::Exchange& exchange, const Client& client, Refusal refusal) {
  const int status = status_of(refusal, is_stateless(client.revision));
  co_return co_await send_json(exchange, status, refusal_text(refusal));
}

Task<> Mcp::answer(http::Exchange& exchange, const Client& client, const Message& message, bj::object result) {
  if (is_stateless(client.revision)) {
    result["resultType"] = "complete";
    result["_meta"] = bj::object{{"io.modelcontextprotocol/serverInfo", server_info()}};
  }
  std::string text = result_text(message.id, std::move(result));
  if (!exchange.has_started()) co_return co_await send_json(exchange, 200, std::move(text));
  CO_TRY_VOID(co_await exchange.event({.name = "message", .data = std::move(text), .id = {}}));
  co_return co_await exchange.finish();
}

Task<> Mcp::take(http::Exchange& exchange) {
  Client client;
  CO_TRY(client.caller, admit(exchange));
  const std::string_view type = header(exchange, "Content-Type");
  if (!type.starts_with("application/json"))
    co_return co_await exchange.send(http::error_reply(
        415, "unsupported_media_type", "a message is sent as Content-Type: application/json", exchange.request_id()));
  CO_TRY(std::string body, co_await exchange.read_body(kMessageMax));
  auto message = read_message(body);
  body = {};
  client.named = header(exchange, kSessionHeader);
  client.session = sessions_.find(client.caller.key.id, client.named);
  if (!message) co_return co_await refuse(exchange, client, std::move(message).error());

  const std::string_view said = header(exchange, kRevisionHeader);
  client.revision = message->revision();
  // What a notification's headers must say, the newest revision leaves open.
  if (client.revision.empty() && is_stateless(said) && message->kind == Message::Kind::kNotification) {
    client.revision = said;
    co_return co_await serve(exchange, std::move(client), *std::move(message));
  }
  if (!client.revision.empty() || is_stateless(said)) {
    const auto good = check_stateless(
        *message, {.revision = said, .method = header(exchange, "Mcp-Method"), .name = header(exchange, "Mcp-Name")});
    client.revision = kRevisions.front();
    if (!good) co_return co_await refuse(exchange, client, good.error());
    co_return co_await serve(exchange, std::move(client), *std::move(message));
  }
  if (!said.empty() && !is_known_revision(said) && message->method != "initialize") {
    co_return co_await refuse(
        exchange, client,
        {.sentence = "MCP-Protocol-Version: " + printable(said, 60) + " is not spoken here", .id = message->id});
  }
  if (client.session) client.revision = client.session->revision;
  co_return co_await serve(exchange, std::move(client), *std::move(message));
}

Task<> Mcp::serve(http::Exchange& exchange, Client client, Message message) {
  const bool is_modern = is_stateless(client.revision);
  if (!is_modern && message.method == "initialize")
    co_return co_await begin(exchange, std::move(client), std::move(message));
  if (!client.session && !client.named.empty()) {
    // Also where the newest revision would have the name ignored: whoever names one counts on what is in it.
    const Refusal refusal{.sentence = "There is no such session (any more): send initialize again",
                          .id = message.id,
                          .data = bj::object{{"reason", kNoSession}}};
    co_return co_await send_json(exchange, 404, refusal_text(refusal));
  }
  if (!is_modern && !client.session) {
    co_return co_await refuse(
        exchange, client,
        {.sentence = "Mcp-Session-Id: send initialize first, and name the session that its answer names",
         .id = message.id});
  }
  if (message.kind == Message::Kind::kNotification && message.method == "notifications/cancelled")
    cancel(client, message);
  if (message.kind != Message::Kind::kRequest) co_return co_await exchange.send(202, {}, {});
  if (message.method == "tools/call") co_return co_await call(exchange, std::move(client), std::move(message));
  if (message.method == "tools/list") {
    bj::object result{{"tools", toolbox_.describe()}};
    if (is_modern) result.insert({{"ttlMs", kFreshMs}, {"cacheScope", "private"}});
    co_return co_await answer(exchange, client, message, std::move(result));
  }
  if (is_modern && message.method == "server/discover") {
    bj::array revisions;
    for (const std::string_view one : kRevisions) revisions.emplace_back(one);
    co_return co_await answer(exchange, client, message,
                              {{"supportedVersions", std::move(revisions)},
                               {"capabilities", capabilities()},
                               {"instructions", std::string(instructions())},
                               {"ttlMs", kFreshMs},
                               {"cacheScope", "public"}});
  }
  if (!is_modern && message.method == "ping") co_return co_await answer(exchange, client, message, {});
  co_return co_await refuse(exchange, client,
                            {.fault = Fault::kMethodNotFound,
                             .sentence = "Method not found: " + printable(message.method, 60),
                             .id = message.id});
}

/// initialize: agrees on a revision and opens a session; one that is named and lives is begun anew, and keeps what it
/// has.
Task<> Mcp::begin(http::Exchange& exchange, Client client, Message message) {
  if (message.kind != Message::Kind::kRequest)
    co_return co_await refuse(exchange, client, {.sentence = "initialize is a request", .id = nullptr});
  const bj::value* asked = message.params.if_contains("protocolVersion");
  if (asked == nullptr || !asked->is_string()) {
    co_return co_await refuse(
        exchange, client,
        {.fault = Fault::kInvalidParams, .sentence = "$.params.protocolVersion: a text is expected", .id = message.id});
  }
  const std::string wanted(asked->get_string());
  const bool is_spoken = is_known_revision(wanted) && !is_stateless(wanted);
  const std::string revision(is_spoken ? std::string_view(wanted) : kRevisions[1]);
  if (client.session) {
    client.session->revision = revision;
  } else {
    CO_TRY(client.session, sessions_.open(client.caller.key.id, revision));
  }
  client.revision = revision;
  exchange.add_header(std::string(kSessionHeader), client.session->id);
  co_return co_await answer(exchange, client, message,
                            {{"protocolVersion", revision},
                             {"capabilities", capabilities()},
                             {"serverInfo", server_info()},
                             {"instructions", std::string(instructions())}});
}

void Mcp::cancel(const Client& client, const Message& notification) {
  const bj::value* id = notification.params.if_contains("requestId");
  if (!client.session || id == nullptr) return;
  const auto found = client.session->calls.find(key_of(*id));
  if (found != client.session->calls.end()) found->second->cancel();
}

/// Suspends for ever: what a call's client needs while it runs.
Task<> Mcp::attend(http::Exchange& exchange, std::shared_ptr<Call> call, bj::value token) {
  using namespace asio::experimental::awaitable_operators;
  auto both = co_await (see_off(exchange, call) && show_life(exchange, call, std::move(token)));
  co_return std::get<0>(std::move(both));
}

Task<> Mcp::call(http::Exchange& exchange, Client client, Message message) {
  using namespace asio::experimental::awaitable_operators;
  const bj::value* name = message.params.if_contains("name");
  const auto tool = name != nullptr && name->is_string() ? find_tool(name->get_string()) : std::nullopt;
  const std::string id = key_of(message.id);
  Refusal refusal{.fault = Fault::kInvalidParams, .sentence = {}, .id = message.id};
  if (!tool) refusal.sentence = "Unknown tool: tools/list names those that there are";
  if (client.session && client.session->calls.contains(id)) refusal.sentence = "$.id: a call of this id runs already";
  if (client.session && client.session->calls.size() >= kCallsMax)
    refusal.sentence = "too many calls of this session run at once: wait for one of them";
  if (!refusal.sentence.empty()) co_return co_await refuse(exchange, client, std::move(refusal));

  const auto call = std::make_shared<Call>(executor_);
  const Registered registered(client.session, id, call);
  const bj::value* given = message.params.if_contains("arguments");
  const bj::object meta = message.meta();
  const bj::value* token = meta.if_contains("progressToken");
  const bool has_token = token != nullptr && (token->is_string() || token->is_int64() || token->is_uint64());
  Asked asked{.caller = client.caller,
              .session = client.session,
              .call = call,
              .request_id = exchange.request_id(),
              .tool = *tool,
              .arguments = given != nullptr ? *given : bj::value(bj::object())};
  auto ended = co_await (toolbox_.use(std::move(asked)) || attend(exchange, call, has_token ? *token : bj::value()));
  // Attending has no end of its own.
  if (ended.index() == 1) co_return std::get<1>(std::move(ended));
  auto result = std::get<0>(std::move(ended));
  if (call->is_cancelled()) {
    // Nothing is said of it any more; whoever is gone does not hear this either.
    if (!exchange.has_started()) co_return co_await exchange.send(202, {}, {});
    co_return co_await exchange.finish();
  }
  if (!result) co_return std::move(result).error();
  co_return co_await answer(exchange, client, message, *std::move(result));
}

Task<> Mcp::end_session(http::Exchange& exchange) {
  CO_TRY(const Caller caller, admit(exchange));
  const auto session = sessions_.find(caller.key.id, header(exchange, kSessionHeader));
  if (!session) co_return Error(Code::kNotFound, "there is no such MCP session (any more)");
  sessions_.end(session);
  CO_TRY_VOID(co_await toolbox_.clear(session->key_id, session->sandbox_id));
  co_return co_await exchange.send(204, {}, {});
}

}  // namespace brig::api::mcp
