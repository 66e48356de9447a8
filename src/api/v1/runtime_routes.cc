#include <algorithm>

#include <boost/json/value.hpp>

#include "api/v1/api.h"
#include "api/v1/render.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

/// One wall. Findings with paths of the host are for `brig doctor`; a caller hears in words why there is none.
bj::object runtime_json(runtime::Walls& walls, const std::string& name, const policy::Policy& policy) {
  const runtime::Probe& probe = walls.probe(name);
  bj::object object{{"name", name},
                    {"boundary", std::string(policy::to_string(probe.boundary))},
                    {"available", probe.is_available},
                    {"why_not", probe.is_available ? bj::value() : bj::value(why_not(probe))},
                    {"capabilities", nullptr},
                    {"weaknesses", bj::array()}};
  const auto runtime = walls.find(name);
  if (!runtime || !probe.is_available) return object;
  object["capabilities"] = to_json((*runtime)->capabilities());
  const auto weaknesses = (*runtime)->admit(policy);
  if (weaknesses) object["weaknesses"] = bj::array(weaknesses->begin(), weaknesses->end());
  return object;
}

/// What this caller would get; why nothing, if that is so.
bj::object choice_json(runtime::Walls& walls, policy::Policy policy, std::string_view how,
                       const std::vector<std::string>& allowed) {
  policy.runtime = how;
  const auto chosen = walls.choose(policy, {}, allowed);
  if (!chosen) return {{"runtime", nullptr}, {"reason", chosen.error().message()}};
  return {{"runtime", std::string(chosen->runtime->name())}, {"reason", chosen->reason}};
}

}  // namespace

void Api::add_runtime_routes(http::Router& router) {
  router.add("GET /v1/runtimes", "runtime_list", [this](http::Exchange& e) { return list_runtimes(e); });
}

Task<> Api::list_runtimes(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  runtime::Walls& walls = sandboxes_.walls();
  policy::Policy policy = sandboxes_.options().defaults;
  const std::string usual = policy.runtime;
  policy.require = std::max(policy.require, floor_of(caller.key));
  policy::Policy tolerant;  // of a sandbox that asks for nothing but to be told
  bj::array items;
  for (const std::string& name : walls.names()) {
    bj::object object = runtime_json(walls, name, tolerant);
    object["allowed"] =
        caller.key.runtimes.empty() || std::ranges::find(caller.key.runtimes, name) != caller.key.runtimes.end();
    items.push_back(std::move(object));
  }
  co_return co_await exchange.send_json(
      200, text_of({{"items", std::move(items)},
                    {"default", choice_json(walls, policy, usual, caller.key.runtimes)},
                    {"auto", choice_json(walls, policy, policy::kStrongest, caller.key.runtimes)}}));
}

}  // namespace brig::api::v1
