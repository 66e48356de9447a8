#include "api/e2b/control.h"

#include <algorithm>
#include <array>

#include <boost/json/value.hpp>

#include "api/common/body.h"
#include "api/e2b/errors.h"
#include "api/e2b/place.h"
#include "base/text.h"
#include "image/manifest.h"
#include "image/own_name.h"
#include "json/json.h"
#include "policy/parse.h"
#include "policy/processors.h"
#include "policy/scratch.h"
#include "policy/validate.h"
#include "store/ids.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;
using sandboxes::Sandbox;
using sandboxes::State;

/// What ends never by itself is said to end then.
constexpr WallTime kNever = wall_time(253'402'300'799'000);

constexpr std::string_view kCodeInterpreter = "code-interpreter";

std::string_view state_of(const Sandbox& sandbox) {
  return sandbox.life().state() == State::kPaused ? "paused" : "running";
}

/// ":2744", as the client reached us; empty for the scheme's own.
std::string port_suffix(std::string_view authority) {
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.ends_with(']')) return {};
  return std::string(authority.substr(colon));
}

Place place_of(const std::shared_ptr<Sandbox>& sandbox) {
  return {.at = sandbox->created_at(), .id = sandbox->spec().id};
}

bool has_metadata(const Sandbox& sandbox, const std::vector<policy::Variable>& wanted) {
  const auto& has = sandbox.spec().metadata;
  return std::ranges::all_of(wanted, [&](const auto& pair) { return std::ranges::find(has, pair) != has.end(); });
}

bj::object network_json(const Network& network) {
  bj::object object{{"allowOut", bj::array()},
                    {"denyOut", bj::array(network.deny_out.begin(), network.deny_out.end())},
                    {"allowPublicTraffic", network.is_public}};
  if (!network.mask_host.empty()) object["maskRequestHost"] = network.mask_host;
  return object;
}

Error no_sandbox(std::string_view id) { return {Code::kNotFound, "Sandbox " + printable(id, 64) + " not found"}; }

}  // namespace

Result<ChosenTemplate> find_template(const std::optional<image::Catalog>& templates, const store::Key& key,
                                     std::string_view id) {
  const auto colon = id.find(':');
  const std::string_view tag = colon == std::string_view::npos ? "default" : id.substr(colon + 1);
  const std::string name(id.substr(0, colon));
  // Each template here is of one make.
  if (tag != "default" && tag != "latest") return no_template(id);
  if (name != image::kHostName && !image::is_template_name(name)) return no_template(id);
  // What E2B's clients ask for who ask for nothing: there is always something to give them.
  static constexpr std::array<std::string_view, 2> kAliases{"base", kCodeInterpreter};
  if (name != "code-interpreter-v1") return choose_template(templates, key, name, kAliases);
  auto chosen = choose_template(templates, key, name, {});
  if (chosen || chosen.error().code() != Code::kNotFound) return chosen;
  return choose_template(templates, key, std::string(kCodeInterpreter), kAliases);
}

void Control::add_to(http::Router& router) {
  const auto add = [&](std::string_view what, std::string_view name, Task<> (Control::*handler)(http::Exchange&)) {
    router.add(what, name, [this, handler](http::Exchange& e) { return (this->*handler)(e); });
  };
  router.add("POST /sandboxes", "e2b_create", [this](http::Exchange& e) { return create(e, false); });
  router.add("POST /v2/sandboxes", "e2b_create_v2", [this](http::Exchange& e) { return create(e, true); });
  add("GET /sandboxes", "e2b_list", &Control::list_running);
  add("GET /v2/sandboxes", "e2b_list_v2", &Control::list);
  add("POST /sandboxes/{id}/connect", "e2b_connect", &Control::connect);
  add("POST /v2/sandboxes/{id}/connect", "e2b_connect_v2", &Control::connect);
  add("POST /sandboxes/{id}/resume", "e2b_resume", &Control::resume);
  add("GET /sandboxes/{id}", "e2b_get", &Control::get);
  add("DELETE /sandboxes/{id}", "e2b_kill", &Control::kill);
  add("POST /sandboxes/{id}/timeout", "e2b_timeout", &Control::set_timeout);
  add("POST /sandboxes/{id}/refreshes", "e2b_refresh", &Control::refresh);
  add("POST /sandboxes/{id}/pause", "e2b_pause", &Control::pause);
  add("PUT /sandboxes/{id}/network", "e2b_network", &Control::set_network);
  add_figure_routes(router);
  add_snapshot_routes(router);
  add_template_routes(router);
}

Result<Caller> Control::caller(const http::Exchange& exchange) { return find_caller(exchange, store_, guests_.now()); }

Result<Control::Found> Control::find(const http::Exchange& exchange) {
  Found found{.caller = TRY(caller(exchange)), .sandbox = {}};
  auto sandbox = sandboxes_.find(found.caller.key, exchange.parameter("id"));
  if (!sandbox) return no_sandbox(exchange.parameter("id"));
  found.sandbox = *std::move(sandbox);
  return found;
}

std::string Control::template_of(const Sandbox& sandbox) {
  const Life* life = lives_.find(sandbox.spec().id);
  return life != nullptr && !life->template_id.empty() ? life->template_id : sandbox.spec().template_name;
}

bj::object Control::access_json(const http::Exchange& exchange, const Sandbox& sandbox) {
  const std::string& id = sandbox.spec().id;
  const Life* life = lives_.find(id);
  bj::object object{{"sandboxID", id},
                    {"templateID", template_of(sandbox)},
                    {"alias", sandbox.spec().template_name},
                    {"clientID", "brig"},
                    {"envdVersion", kEnvdVersion},
                    {"envdAccessToken", guests_.tokens().access(id)},
                    {"domain", tls_domain_.empty() ? domain_ + port_suffix(exchange.authority()) : tls_domain_}};
  if (life == nullptr || !life->network.is_public) object["trafficAccessToken"] = guests_.tokens().traffic(id);
  return object;
}

bj::object Control::listed_json(const Sandbox& sandbox) {
  const policy::Limits& limits = sandbox.spec().policy.limits;
  bj::object metadata;
  for (const policy::Variable& pair : sandbox.spec().metadata) metadata[pair.name] = pair.value;
  return {{"sandboxID", sandbox.spec().id},
          {"templateID", template_of(sandbox)},
          {"alias", sandbox.spec().template_name},
          {"clientID", "brig"},
          {"startedAt", format(sandbox.created_at())},
          {"endAt", format(lives_.end_of(sandbox).value_or(kNever))},
          {"state", state_of(sandbox)},
          {"cpuCount", policy::processors_of(limits)},
          {"memoryMB", limits.memory.count >> 20},
          {"diskSizeMB", limits.disk.count >> 20},
          {"envdVersion", kEnvdVersion},
          {"metadata", std::move(metadata)},
          {"volumeMounts", bj::array()}};
}

Task<std::shared_ptr<Sandbox>> Control::make(Caller caller, CreateBody wanted, std::string request_id) {
  CO_TRY(const auto snapshot, find_snapshot(caller.key, wanted.template_id));
  const sandboxes::Options& options = sandboxes_.options();
  sandboxes::CreateRequest request{.policy = options.defaults,
                                   .metadata = std::move(wanted.metadata),
                                   .request_id = std::move(request_id),
                                   .working_folder = std::string(kHome)};
  if (snapshot) {
    // Everything is as it was in the sandbox that it was taken of.
    request.template_name = snapshot->template_name;
    CO_TRY(request.policy, policy::parse_policy(snapshot->policy, "the snapshot's policy"));
  } else {
    CO_TRY(ChosenTemplate chosen, find_template(templates_, caller.key, wanted.template_id));
    CO_TRY(request.policy, image::apply_defaults(std::move(request.policy), chosen.defaults));
    request.template_name = std::move(chosen.name);
    policy::fit_unasked_disk(request.policy.limits);
  }
  auto& environment = request.policy.environment;
  for (policy::Variable& variable : wanted.environment) {
    std::erase_if(environment, [&](const policy::Variable& old) { return old.name == variable.name; });
    environment.push_back(std::move(variable));
  }
  CO_TRY_VOID(policy::validate(request.policy));
  request.policy.require = std::max(request.policy.require, floor_of(caller.key));
  wanted.life.template_id = wanted.template_id;
  CO_TRY_VOID(sandboxes::expect_ttl(options, wanted.life.timeout).context("$.timeout"));
  request.lifespan = lives_.lifespan_of(wanted.life);
  if (wanted.life.pauses) {
    CO_TRY(const auto foreseen, sandboxes_.foresee(caller.key, request));
    if (!foreseen.capabilities.may_pause)
      co_return Error(Code::kUnsupported, "$.autoPause: what this sandbox would be made with cannot pause it");
  }
  auto creating = snapshot ? snapshots_.create(std::move(caller.key), std::move(request), *snapshot)
                           : sandboxes_.create(std::move(caller.key), std::move(request));
  CO_TRY(const sandboxes::Created created, co_await std::move(creating));
  lives_.begin(created.sandbox, std::move(wanted.life));
  co_return created.sandbox;
}

Task<> Control::create(http::Exchange& exchange, bool is_v2) {
  CO_TRY(Caller caller, this->caller(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(CreateBody wanted, read_create(body, is_v2));
  CO_TRY(const auto sandbox, co_await make(std::move(caller), std::move(wanted), exchange.request_id()));
  co_return co_await exchange.send_json(201, json::write(access_json(exchange, *sandbox)) + "\n");
}

/// To one that runs, or to one that is paused, which is resumed.
Task<> Control::connect(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const ConnectBody wanted, read_connect(body));
  const bool was_paused = found.sandbox->life().state() == State::kPaused;
  lives_.begun(found.sandbox);
  if (was_paused) CO_TRY_VOID(co_await lives_.resume(found.sandbox, wanted.timeout));
  else CO_TRY_VOID(co_await lives_.set_timeout(found.sandbox, wanted.timeout, true));
  co_return co_await exchange.send_json(was_paused ? 201 : 200,
                                        json::write(access_json(exchange, *found.sandbox)) + "\n");
}

Task<> Control::resume(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const Milliseconds timeout, read_timeout(body, kTimeoutOld));
  CO_TRY_VOID(co_await lives_.resume(found.sandbox, timeout));  // kConflict if it runs
  co_return co_await exchange.send_json(201, json::write(access_json(exchange, *found.sandbox)) + "\n");
}

Task<> Control::get(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  const Sandbox& sandbox = *found.sandbox;
  const Life life = lives_.of(sandbox);
  bj::object object = listed_json(sandbox);
  for (const auto& [name, value] : access_json(exchange, sandbox)) object[name] = value;
  object["allowInternetAccess"] = false;
  object["network"] = network_json(life.network);
  object["lifecycle"] = bj::object{{"onTimeout", life.pauses ? "pause" : "kill"}, {"autoResume", life.wakes}};
  co_return co_await exchange.send_json(200, json::write(object) + "\n");
}

Task<> Control::list(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY(const ListQuery query, read_list(exchange.target()));
  auto all = sandboxes_.of_key(caller.key);
  std::erase_if(all, [&](const std::shared_ptr<Sandbox>& sandbox) {
    const bool is_paused = sandbox->life().state() == State::kPaused;
    const bool is_wanted = is_paused ? query.wants_paused : query.wants_running;
    const bool is_of_template = query.template_id.empty() || template_of(*sandbox) == query.template_id ||
                                sandbox->spec().template_name == query.template_id;
    return !is_wanted || !is_of_template || !has_metadata(*sandbox, query.metadata) ||
           (query.started_since && sandbox->created_at() < *query.started_since);
  });
  std::ranges::sort(all, [&](const auto& a, const auto& b) {
    return query.is_ascending ? place_of(a) < place_of(b) : place_of(a) > place_of(b);
  });
  const auto next = cut_page(all, query, place_of);
  bj::array items;
  for (const auto& sandbox : all) items.push_back(listed_json(*sandbox));
  if (next) exchange.add_header("X-Next-Token", *next);
  co_return co_await exchange.send_json(200, json::write(items) + "\n");
}

Task<> Control::list_running(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  std::vector<policy::Variable> wanted;
  if (const std::string* metadata = exchange.target().find("metadata")) {
    CO_TRY(wanted, parse_metadata_filter(*metadata));
  }
  bj::array items;
  for (const auto& sandbox : sandboxes_.of_key(caller.key)) {
    if (sandbox->life().state() == State::kRunning && has_metadata(*sandbox, wanted))
      items.push_back(listed_json(*sandbox));
  }
  co_return co_await exchange.send_json(200, json::write(items) + "\n");
}

Task<> Control::kill(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY_VOID(co_await sandboxes_.kill(found.sandbox, "asked for over the API"));
  co_return co_await exchange.send(204, {}, {});
}

Task<> Control::set_timeout(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  if (found.sandbox->life().state() != State::kRunning) co_return no_sandbox(found.sandbox->spec().id);
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const Milliseconds timeout, read_timeout(body, kTimeoutUsual));
  CO_TRY_VOID(co_await lives_.set_timeout(found.sandbox, timeout, false));
  co_return co_await exchange.send(204, {}, {});
}

/// Older clients keep a sandbox alive with it.
Task<> Control::refresh(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const Milliseconds timeout, read_refresh(body));
  CO_TRY_VOID(co_await lives_.set_timeout(found.sandbox, timeout, true));
  co_return co_await exchange.send(204, {}, {});
}

Task<> Control::pause(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY_VOID(read_pause(body));
  if (found.sandbox->life().state() == State::kPaused)
    co_return Error(Code::kConflict, "Sandbox " + found.sandbox->spec().id + " is already paused");
  CO_TRY_VOID(co_await lives_.pause(found.sandbox));
  co_return co_await exchange.send(204, {}, {});
}

Task<> Control::set_network(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(Network network, read_network_update(body, lives_.of(*found.sandbox).network));
  lives_.begun(found.sandbox).network = std::move(network);
  co_return co_await exchange.send(204, {}, {});
}

}  // namespace brig::api::e2b
