#include <boost/json/value.hpp>

#include "api/v1/api.h"
#include "api/v1/read.h"
#include "api/v1/render.h"
#include "json/json.h"
#include "policy/schema.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

bj::array strings(const std::vector<std::string>& list) {
  bj::array array;
  for (const std::string& one : list) array.emplace_back(one);
  return array;
}

bj::value time_or_null(const std::optional<WallTime>& time) { return time ? bj::value(format(*time)) : bj::value(); }

bj::object key_json(const store::Key& key) {
  const auto& quota = key.quota;
  return {{"id", key.id},
          {"label", key.label},
          {"prefix", key.prefix_shown},
          {"created_at", format(key.created_at)},
          {"expires_at", time_or_null(key.expires_at)},
          {"revoked_at", time_or_null(key.revoked_at)},
          {"quota",
           {{"sandboxes", quota.sandboxes ? bj::value(*quota.sandboxes) : bj::value()},
            {"cpu_millis", quota.cpu_millis ? bj::value(*quota.cpu_millis) : bj::value()},
            {"memory_bytes", quota.memory ? bj::value(quota.memory->count) : bj::value()}}},
          {"require", key.floor.empty() ? bj::value() : bj::value(key.floor)},
          {"runtimes", strings(key.runtimes)},
          {"templates", strings(key.templates)},
          {"may_build_templates", key.may_build_templates}};
}

/// Keys are made by whoever owns the daemon, not by those who have one.
Result<> expect_owner(const Caller& caller) {
  if (caller.key.id == store::kLocalKeyId) return {};
  return Error(Code::kDenied,
               "keys are made and revoked through the Unix socket in the daemon's state folder only "
               "(brig keys, as the daemon's owner)");
}

}  // namespace

void Api::add_key_routes(http::Router& router) {
  router.add("POST /v1/keys", "key_create", [this](http::Exchange& e) { return create_key(e); });
  router.add("GET /v1/keys", "key_list", [this](http::Exchange& e) { return list_keys(e); });
  router.add("DELETE /v1/keys/{key}", "key_revoke", [this](http::Exchange& e) { return revoke_key(e); });
  router.add("GET /v1/me", "me", [this](http::Exchange& e) { return me(e); });
}

Task<> Api::create_key(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY_VOID(expect_owner(caller));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const KeyBody wanted, read_key(body));
  store::KeyGrant grant = wanted.grant;
  if (wanted.lifetime) grant.expires_at = clock_() + *wanted.lifetime;
  grant.prefix = wanted.prefix;
  CO_TRY(const store::MadeKey made, store_.keys().make(grant, clock_()));
  bj::object object = key_json(made.key);
  object["key"] = made.text;  // this once
  co_return co_await exchange.send_json(201, text_of(object));
}

Task<> Api::list_keys(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY_VOID(expect_owner(caller));
  CO_TRY(const auto keys, store_.keys().list());
  bj::array items;
  for (const store::Key& key : keys) items.emplace_back(key_json(key));
  co_return co_await exchange.send_json(200, text_of({{"items", std::move(items)}}));
}

/// Takes effect with the next request. The key's sandboxes end with it: nobody could reach them any more, and a key
/// that leaked may have filled them.
Task<> Api::revoke_key(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY_VOID(expect_owner(caller));
  const std::string id(exchange.parameter("key"));
  CO_TRY_VOID(store_.keys().revoke(id, clock_()));
  if (on_revoked_) on_revoked_(id);
  CO_TRY_VOID(co_await sandboxes_.kill_all_of(id, "its key was revoked"));
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::me(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  co_return co_await exchange.send_json(200, text_of(key_json(caller.key)));
}

}  // namespace brig::api::v1
