#include "api/ops/ops.h"

#include <boost/json/value.hpp>

#include "api/common/caller.h"
#include "api/ops/openapi_file.h"
#include "json/json.h"

namespace brig::api::ops {
namespace {

namespace bj = boost::json;

constexpr std::chrono::seconds kLookAgain{1};

}  // namespace

std::string_view openapi() { return kOpenapi; }

namespace {

/// A name that only this machine has. Any other may be one that a page's owner points here (DNS rebinding), so that a
/// browser asks us on that page's behalf.
bool is_local_name(std::string_view host) {
  return host.empty() || host == "localhost" || host == "[::1]" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

}  // namespace

bool is_from_here(const http::Exchange& exchange) {
  for (const char* name : {"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"}) {
    if (exchange.header(name) != nullptr) return false;
  }
  if (exchange.peer().is_unix) return true;
  if (!is_local_name(exchange.host())) return false;
  const std::string& address = exchange.peer().address;
  return address.starts_with("127.") || address.starts_with("[::1]:");
}

void Ops::add_to(http::Router& router) {
  router.add("GET /healthz", "healthz", [this](http::Exchange& e) { return health(e); });
  router.add("GET /metrics", "metrics", [this](http::Exchange& e) { return metrics(e); });
  router.add("GET /openapi.json", "openapi", [](http::Exchange& e) { return description(e); });
  router.add("GET /v1/events", "events", [this](http::Exchange& e) { return events(e); });
}

void Ops::stop() {
  is_stopping_ = true;
  journal_.stop();
}

std::optional<Ops::Illness> Ops::illness() {
  if (is_stopping_) return Illness{.reason = "stopping", .sentence = "the daemon is stopping"};
  const auto now = std::chrono::steady_clock::now();
  if (looked_at_ && now - *looked_at_ < kLookAgain) return last_;
  looked_at_ = now;
  last_.reset();
  if (!store_.try_write()) {
    last_ = Illness{.reason = "store_not_writable", .sentence = "the state database cannot be written"};
  } else if (!sandboxes_.walls().ready()) {
    last_ = Illness{.reason = "no_launcher", .sentence = "what makes sandboxes is gone and cannot be had again"};
  }
  return last_;
}

Task<> Ops::health(http::Exchange& exchange) {
  const auto ill = illness();
  exchange.add_header("Cache-Control", "no-store");
  if (!ill) {
    co_return co_await exchange.send_json(200,
                                          json::write(bj::object{{"status", "ok"}, {"version", BRIG_VERSION}}) + "\n");
  }
  exchange.add_header("Retry-After", "1");
  co_return co_await exchange.send_json(503, json::write(bj::object{{"status", "unavailable"},
                                                                    {"reason", std::string(ill->reason)},
                                                                    {"error", std::string(ill->sentence)},
                                                                    {"version", BRIG_VERSION}}) +
                                                 "\n");
}

Task<> Ops::metrics(http::Exchange& exchange) {
  if (!is_from_here(exchange)) CO_TRY_VOID(find_caller(exchange, store_, clock_()));
  std::string text = metrics_.text(sandboxes_, server_());
  co_return co_await exchange.send(200, {{"Content-Type", std::string(telemetry::kContentType)}}, std::move(text));
}

/// GET /v1/events?sandbox=…&from=oldest: those of the caller's key; through the local socket all there are.
Task<> Ops::events(http::Exchange& exchange) {
  CO_TRY(const Caller caller, find_caller(exchange, store_, clock_()));
  const std::string& key_id = caller.key.id;
  store::EventFilter filter;
  if (key_id != store::kLocalKeyId) filter.key_id = key_id;
  if (const std::string* sandbox = exchange.target().find("sandbox")) filter.sandbox_id = *sandbox;
  CO_TRY(std::int64_t after, store_.events().newest());
  const std::string* from = exchange.target().find("from");
  if (from != nullptr && *from != "oldest" && *from != "now")
    co_return Error(Code::kInvalidArgument, "from: \"oldest\" or \"now\" is expected");
  if (from != nullptr && *from == "oldest") after = 0;
  if (const std::string* last = exchange.header("Last-Event-ID"); last != nullptr && !last->empty()) {
    CO_TRY(after, store_.events().seq_of(*last, key_id).context("Last-Event-ID"));
  }
  co_return co_await journal_.follow(exchange, std::move(filter), key_id, after);
}

Task<> Ops::description(http::Exchange& exchange) {
  co_return co_await exchange.send_json(200, std::string(openapi()));
}

}  // namespace brig::api::ops
