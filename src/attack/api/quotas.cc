/// More than a key may have, and what no key may ask for.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "attack/api/scene.h"
#include "base/text.h"
#include "json/json.h"

namespace brig::attack::api {
namespace {

namespace bj = boost::json;

std::string text_at(const Answer& answer, std::string_view name) {
  const auto value = json::parse(answer.body);
  const bj::object* object = value ? value->if_object() : nullptr;
  const bj::value* found = object != nullptr ? object->if_contains(name) : nullptr;
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

/// With a key that may have two sandboxes, one of which it has: how many there are after `take`.
using Take = Task<> (*)(Scene& scene, std::string key, std::string own);

Task<Finding> take_more(Scene& scene, Side side, Take take) {
  const std::string most = side == Side::kAttack ? "2" : "50";
  CO_TRY(const Answer made,
         co_await scene.ask_owner(
             {.method = "POST", .target = "/v1/keys", .body = R"({"quota": {"sandboxes": )" + most + "}}"}));
  const std::string key = text_at(made, "key");
  CO_TRY(const std::string own, co_await scene.make(key));
  CO_TRY_VOID(co_await take(scene, key, own));
  CO_TRY(const bj::value list, co_await scene.must(key, {.target = "/v1/sandboxes"}));
  const bj::array& items = list.at("items").as_array();
  for (const bj::value& item : items) CO_TRY_VOID(co_await scene.end(key, std::string(item.at("id").as_string())));
  co_return Finding{items.size() > 2, std::to_string(items.size()) + " sandboxes with a quota of " + most};
}

Task<Answer> create(Scene& scene, std::string key, std::string body) {
  return scene.ask(std::move(key), {.method = "POST", .target = "/v1/sandboxes", .body = std::move(body)});
}

Task<> one_after_the_other(Scene& scene, std::string key, std::string /*own*/) {
  for (int i = 0; i < 4; ++i) CO_TRY_VOID(co_await create(scene, key, "{}"));
  co_return Result<>();
}

Task<> all_at_once(Scene& scene, std::string key, std::string /*own*/) {
  using namespace asio::experimental::awaitable_operators;
  const auto done = co_await (create(scene, key, "{}") && create(scene, key, "{}") && create(scene, key, "{}") &&
                              create(scene, key, R"({"limits": {"memory": "64M"}})"));
  (void)done;
  co_return Result<>();
}

Task<> by_forks(Scene& scene, std::string key, std::string own) {
  for (int i = 0; i < 3; ++i)
    CO_TRY_VOID(co_await scene.ask(key, {.method = "POST", .target = "/v1/sandboxes/" + own + "/fork", .body = "{}"}));
  co_return Result<>();
}

Task<> by_a_tree(Scene& scene, std::string key, std::string own) {
  CO_TRY_VOID(co_await scene.ask(
      key, {.method = "POST", .target = "/v1/sandboxes/" + own + "/fork-tree", .body = R"({"count": 4})"}));
  co_return Result<>();
}

Task<> by_snapshots(Scene& scene, std::string key, std::string own) {
  CO_TRY(const Answer taken,
         co_await scene.ask(key, {.method = "POST", .target = "/v1/sandboxes/" + own + "/snapshots"}));
  const std::string body = R"({"from_snapshot": ")" + text_at(taken, "id") + "\"}";
  for (int i = 0; i < 3; ++i) CO_TRY_VOID(co_await create(scene, key, body));
  co_return Result<>();
}

Task<> by_pausing(Scene& scene, std::string key, std::string own) {
  CO_TRY_VOID(co_await scene.ask(key, {.method = "POST", .target = "/v1/sandboxes/" + own + "/pause"}));
  co_return co_await one_after_the_other(scene, key, own);
}

Probe taken(std::string name, std::string attack, Take take) {
  return {.name = std::move(name),
          .group = Group::kQuotas,
          .attack = std::move(attack),
          .refusal = "429: a place is taken before anything is made",
          .run = [take](Scene& scene, Side side) { return take_more(scene, side, take); },
          .needs_owner = true};
}

/// Asks for a sandbox that nobody may have; the control is one that everybody may.
Task<Finding> ask_for(Scene& scene, Side side, std::string body) {
  CO_TRY(const Answer answer,
         co_await create(scene, scene.key_of(side), side == Side::kAttack ? std::move(body) : "{}"));
  if (answer.status == 201) CO_TRY_VOID(co_await scene.end(scene.key_of(side), text_at(answer, "id")));
  co_return Finding{answer.status < 400, std::to_string(answer.status) + " " + printable(answer.body)};
}

Probe asked(std::string name, std::string attack, std::string body) {
  return {.name = std::move(name),
          .group = Group::kQuotas,
          .attack = std::move(attack),
          .refusal = "an unknown name or a value out of range is a mistake, and starts nothing",
          .run = [body](Scene& scene, Side side) { return ask_for(scene, side, body); }};
}

Task<Finding> use_up_for_others(Scene& scene, Side side) {
  CO_TRY(const Answer made,
         co_await scene.ask_owner({.method = "POST", .target = "/v1/keys", .body = R"({"quota": {"sandboxes": 1}})"}));
  const std::string key = text_at(made, "key");
  CO_TRY(const std::string own, co_await scene.make(key));
  CO_TRY(const Answer next, co_await create(scene, side == Side::kControl ? key : scene.stage().victim_key, "{}"));
  CO_TRY_VOID(co_await scene.end(key, own));
  if (next.status == 201) CO_TRY_VOID(co_await scene.end(scene.stage().victim_key, text_at(next, "id")));
  co_return Finding{next.status == 429, std::to_string(next.status)};
}

}  // namespace

void add_quota_probes(std::vector<Probe>& probes) {
  probes.push_back(taken("801_one_after_the_other", "make more sandboxes than a key may have", one_after_the_other));
  probes.push_back(taken("802_all_at_once", "make them all at once", all_at_once));
  probes.push_back(taken("803_forks", "make them by forks", by_forks));
  probes.push_back(taken("804_fork_tree", "make them by a fork tree", by_a_tree));
  probes.push_back(taken("805_from_snapshots", "make them from snapshots", by_snapshots));
  probes.push_back(taken("806_paused", "make them while others are paused", by_pausing));
  probes.push_back({.name = "807_for_others",
                    .group = Group::kQuotas,
                    .attack = "use up another key's quota",
                    .refusal = "a quota counts its own key's sandboxes",
                    .run = use_up_for_others,
                    .needs_owner = true});
  probes.push_back(asked("808_host_files", "have files of the host shown inside",
                         R"({"mounts": [{"source": "/etc", "target": "/mnt"}]})"));
  probes.push_back(
      asked("809_host_files_by_policy", "have them shown by a policy", R"({"policy": {"mounts": [{"source": "/"}]}})"));
  probes.push_back(asked("810_network", "have the host's network", R"({"network": "host"})"));
  probes.push_back(
      asked("811_template_path", "have a folder of the host as template", R"({"template": "../../../etc"})"));
  probes.push_back(
      asked("812_snapshot_path", "have a file of the host as snapshot", R"({"from_snapshot": "../../../etc/passwd"})"));
  probes.push_back(
      asked("813_memory", "have more memory than there is", R"({"limits": {"memory": "999999999999999999"}})"));
  probes.push_back(asked("814_for_ever", "live for ever", R"({"ttl_seconds": 1e300})"));
  probes.push_back(asked("815_persistent", "live for ever by another name", R"({"ttl_seconds": 315360000})"));
  probes.push_back(asked("816_runtime", "have another runtime", R"({"runtime": "none"})"));
  probes.push_back(asked("817_variable", "set a variable that is none", R"({"env": {"A=B\nC": "x"}})"));
  probes.push_back(asked("818_twice", "say one thing twice", R"({"ttl_seconds": 1, "ttl_seconds": 999999})"));
}

}  // namespace brig::attack::api
