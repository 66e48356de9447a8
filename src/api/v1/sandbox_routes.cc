#include <boost/json/value.hpp>

#include "api/common/query.h"
#include "api/v1/api.h"
#include "api/v1/read.h"
#include "api/v1/render.h"
#include "json/json.h"
#include "service/report.h"
#include "store/ids.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

constexpr std::size_t kPageDefault = 100;

Result<std::size_t> page_size(const http::Exchange& exchange) {
  const std::uint64_t size = TRY(number_of(exchange, "limit", kPageDefault));
  if (size < 1 || size > store::kLargestPage)
    return Error(Code::kInvalidArgument, "limit: a number from 1 to 1000 is expected");
  return size;
}

/// ?state=running,paused&metadata.user=7&template=…
Result<store::SandboxFilter> filter_of(const http::Exchange& exchange) {
  constexpr std::string_view kMetadata = "metadata.";
  store::SandboxFilter filter;
  bool has_state = false;
  for (const auto& [name, value] : exchange.target().parameters) {
    if (name == "template") filter.template_name = value;
    if (name.starts_with(kMetadata)) filter.metadata.emplace_back(name.substr(kMetadata.size()), value);
    if (name != "state") continue;
    has_state = true;
    for (std::size_t at = 0; at <= value.size();) {
      const std::size_t comma = std::min(value.find(',', at), value.size());
      const std::string_view word = std::string_view(value).substr(at, comma - at);
      at = comma + 1;
      if (word == "all") continue;
      const auto state = store::parse_sandbox_state(word);
      if (!state) return Error(Code::kInvalidArgument, "state: running, paused, killed, failed or all is expected");
      filter.states.push_back(*state);
    }
  }
  if (!has_state)
    filter.states = {store::SandboxState::kCreating, store::SandboxState::kRunning, store::SandboxState::kPaused};
  return filter;
}

/// PandaStack's clients take both times for numbers: 0 is none.
std::string lifecycle_text(bj::object all, Dialect dialect) {
  bj::object object;
  for (const char* name : {"ttl_seconds", "idle_seconds", "persistent", "expires_at", "last_active_at", "status"})
    object[name] = all[name];
  for (const char* name : {"ttl_seconds", "idle_seconds"})
    if (dialect == Dialect::kPandaStack && object[name].is_null()) object[name] = 0;
  return text_of(object);
}

/// The answer to the request that made the sandbox which `body` describes, also when it is repeated: nothing but such
/// answers is kept.
http::Reply created_reply(std::string body) {
  http::Headers headers{{"Content-Type", "application/json"}};
  if (const auto made = json::parse(body); made && made->is_object()) {
    const bj::value* id = made->as_object().if_contains("id");
    if (id != nullptr && id->is_string()) headers.add("Location", "/v1/sandboxes/" + std::string(id->as_string()));
  }
  return {.status = 201, .headers = std::move(headers), .body = std::move(body)};
}

}  // namespace

void Api::add_sandbox_routes(http::Router& router) {
  router.add("POST /v1/sandboxes", "sandbox_create", [this](http::Exchange& e) { return create(e); });
  router.add("GET /v1/sandboxes", "sandbox_list", [this](http::Exchange& e) { return list(e); });
  router.add("GET /v1/sandboxes/{id}", "sandbox_get", [this](http::Exchange& e) { return get(e); });
  router.add("DELETE /v1/sandboxes/{id}", "sandbox_kill", [this](http::Exchange& e) { return kill(e); });
  router.add("GET /v1/sandboxes/{id}/attestation", "sandbox_attestation",
             [this](http::Exchange& e) { return attestation(e); });
  router.add("POST /v1/sandboxes/{id}/pause", "sandbox_pause", [this](http::Exchange& e) { return pause(e); });
  router.add("POST /v1/sandboxes/{id}/resume", "sandbox_resume", [this](http::Exchange& e) { return resume(e); });
  router.add("GET /v1/sandboxes/{id}/lifecycle", "lifecycle_get",
             [this](http::Exchange& e) { return get_lifecycle(e); });
  router.add("PATCH /v1/sandboxes/{id}/lifecycle", "lifecycle_set",
             [this](http::Exchange& e) { return set_lifecycle(e); });
  router.add("GET /v1/sandboxes/{id}/metrics", "sandbox_metrics", [this](http::Exchange& e) { return metrics(e); });
}

Task<http::Reply> Api::make(Caller caller, std::string body, std::string request_id) {
  const ReadWish read = [&](const sandboxes::Options& options, const image::Defaults& defaults) {
    return read_create(body, options, defaults);
  };
  CO_TRY(Creation::Order order, creation_.order(caller, read, request_id));
  if (order.is_dry_run) {
    CO_TRY(const auto foreseen, sandboxes_.foresee(caller.key, order.request));
    const bj::object object{{"weaknesses", bj::array(foreseen.weaknesses.begin(), foreseen.weaknesses.end())},
                            {"may_pause", foreseen.capabilities.may_pause}};
    co_return http::Reply{.status = 200, .headers = {{"Content-Type", "application/json"}}, .body = text_of(object)};
  }
  CO_TRY(const sandboxes::Created created, co_await creation_.carry_out(std::move(caller), std::move(order)));
  bj::object object = to_json(*created.sandbox);
  object["boot_ms"] = created.duration.count();
  object["boot_mode"] = created.boot == sandboxes::Boot::kPool ? "pool" : "cold";
  object["request_id"] = request_id;
  co_return created_reply(text_of(object));
}

Task<> Api::create(http::Exchange& exchange) {
  CO_TRY(Caller caller, this->caller(exchange));
  CO_TRY(std::string body, co_await exchange.read_body(kBodyMax));
  if (exchange.header("Idempotency-Key") != nullptr)
    co_return co_await create_once(exchange, std::move(caller), std::move(body));
  CO_TRY(http::Reply reply, co_await make(std::move(caller), std::move(body), exchange.request_id()));
  co_return co_await exchange.send(std::move(reply));
}

Task<> Api::create_once(http::Exchange& exchange, Caller caller, std::string body) {
  const std::string token = *exchange.header("Idempotency-Key");
  const std::string key_id = caller.key.id;
  if (token.empty() || token.size() > 255)
    co_return Error(Code::kInvalidArgument, "Idempotency-Key: 1 to 255 characters are expected");
  CO_TRY(const store::Claim claim, store_.answers().claim(key_id, token, store::sha256(body), clock_()));
  if (const auto* answer = std::get_if<store::Answer>(&claim)) {
    exchange.add_header("Idempotent-Replayed", "true");
    co_return co_await exchange.send(created_reply(answer->body));
  }
  if (std::holds_alternative<store::InProgress>(claim))
    co_return Error(Code::kConflict, "a request with this Idempotency-Key is being worked on; try again in a moment");
  if (std::holds_alternative<store::Conflict>(claim))
    co_return Error(Code::kConflict, "this Idempotency-Key was used for another request");
  auto made = co_await make(std::move(caller), std::move(body), exchange.request_id());
  // Whatever the store makes of these notes, the client hears what became of its request. What could not be noted is
  // "being worked on" until the daemon's next start.
  if (!made || made->status != 201) {
    (void)store_.answers().release(key_id, token);
    if (!made) co_return std::move(made).error();
    co_return co_await exchange.send(*std::move(made));
  }
  (void)store_.answers().complete(key_id, token, {.status = made->status, .body = made->body});
  co_return co_await exchange.send(*std::move(made));
}

Task<> Api::list(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY(store::SandboxFilter filter, filter_of(exchange));
  CO_TRY(const std::size_t limit, page_size(exchange));
  filter.key_id = caller.key.id;
  const std::string* cursor = exchange.target().find("cursor");
  std::optional<std::string> next = cursor != nullptr ? *cursor : std::string();
  // PandaStack's clients know of no pages.
  const bool is_whole = caller.dialect == Dialect::kPandaStack && cursor == nullptr;
  bj::array items;
  do {
    CO_TRY(const auto page, store_.sandboxes().list(filter, is_whole ? store::kLargestPage : limit, *next));
    for (const store::Sandbox& record : page.items) {
      const auto live = sandboxes_.find(caller.key, record.id);
      items.emplace_back(live ? describe(**live) : to_json(sandboxes_.with_end(record)));
    }
    next = page.next;
  } while (is_whole && next);
  bj::object object{{"items", std::move(items)}, {"next_cursor", next ? bj::value(*next) : bj::value()}};
  co_return co_await exchange.send_json(200, text_of(object));
}

bj::object Api::describe(const sandboxes::Sandbox& sandbox) const {
  bj::object object = to_json(sandbox);
  if (hibernates(sandbox)) object["status"] = "hibernated";
  return object;
}

Task<> Api::get(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  const std::string id(exchange.parameter("id"));
  const auto live = sandboxes_.find(caller.key, id);
  if (live) co_return co_await exchange.send_json(200, text_of(describe(**live)));
  // One that has ended is remembered for a while, with the reason. PandaStack's clients expect 404.
  auto record = store_.sandboxes().get(id);
  if (!record || record->key_id != caller.key.id || caller.dialect == Dialect::kPandaStack) co_return live.error();
  co_return co_await exchange.send_json(200, text_of(to_json(sandboxes_.with_end(*std::move(record)))));
}

Task<> Api::attestation(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  co_return co_await exchange.send_json(200, text_of(service::attestation_json(found.sandbox->attestation())));
}

Task<> Api::kill(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY_VOID(co_await sandboxes_.kill(found.sandbox, "asked for over the API"));
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::pause(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY_VOID(co_await sandboxes_.pause(found.sandbox));
  hibernating_.erase(found.sandbox->spec().id);
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::resume(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY_VOID(co_await sandboxes_.resume(found.sandbox));
  hibernating_.erase(found.sandbox->spec().id);
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::get_lifecycle(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  co_return co_await exchange.send_json(200, lifecycle_text(describe(*found.sandbox), found.caller.dialect));
}

Task<> Api::set_lifecycle(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const sandboxes::LifespanChange change,
         read_lifespan(body, found.sandbox->life().lifespan(), sandboxes_.options().lifespan));
  CO_TRY_VOID(co_await sandboxes_.change_lifespan(found.sandbox, change));
  co_return co_await exchange.send_json(200, lifecycle_text(describe(*found.sandbox), found.caller.dialect));
}

Task<> Api::metrics(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(const runtime::CellReport report, co_await found.sandbox->stats());
  co_return co_await exchange.send_json(200, text_of(to_json(report, found.sandbox->spec().policy.limits)));
}

}  // namespace brig::api::v1
