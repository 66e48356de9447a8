/// Keys that are none, or stand where none is looked for; and what only the daemon's owner may.
#include <utility>

#include "attack/api/scene.h"
#include "base/text.h"

namespace brig::attack::api {
namespace {

constexpr std::string_view kFile = "/v1/sandboxes/{victim}/fs?path=/workspace/secret";

std::string shown(const Answer& answer) { return std::to_string(answer.status) + " " + printable(answer.body); }

/// Asks for the victim's file with these headers, and no others; the control is a proper key.
Task<Finding> present(Scene& scene, Side side, http::Headers headers, std::string target) {
  Ask ask{.target = std::move(target), .headers = std::move(headers)};
  if (side == Side::kControl) ask = {.target = std::string(kFile), .headers = {{"X-API-Key", "{victim_key}"}}};
  CO_TRY(const Answer answer, co_await scene.ask("", std::move(ask)));
  co_return Finding{answer.body.contains(scene.secret()), shown(answer)};
}

Probe presented(std::string name, std::string attack, http::Headers headers, std::string target = std::string(kFile)) {
  return {.name = std::move(name),
          .group = Group::kKeys,
          .attack = std::move(attack),
          .refusal = "a key is 40 hexadecimal digits behind a prefix, in Authorization (Bearer) or X-API-Key",
          .run = [headers, target](Scene& scene, Side side) { return present(scene, side, headers, target); }};
}

/// A key that is almost the victim's.
Task<Finding> almost(Scene& scene, Side side, std::string (*change)(std::string)) {
  const std::string key = side == Side::kControl ? scene.stage().victim_key : change(scene.stage().victim_key);
  CO_TRY(const Answer answer, co_await scene.ask(key, {.target = std::string(kFile)}));
  co_return Finding{answer.body.contains(scene.secret()), shown(answer)};
}

Probe changed(std::string name, std::string attack, std::string (*change)(std::string)) {
  return {.name = std::move(name),
          .group = Group::kKeys,
          .attack = std::move(attack),
          .refusal = "the hash of all digits is what is looked up",
          .run = [change](Scene& scene, Side side) { return almost(scene, side, change); }};
}

/// What is done through the Unix socket, tried over TCP with a key and with headers that claim to come from there.
Task<Finding> be_owner(Scene& scene, Side side, Ask ask) {
  if (side == Side::kControl) {
    CO_TRY(const Answer answer, co_await scene.ask_owner(std::move(ask)));
    co_return Finding{answer.status < 400, shown(answer)};
  }
  Ask claiming = ask;
  for (const char* name : {"X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Remote-User"})
    claiming.headers.add(name, "unix:uid=0");
  for (const auto& [key, wanted] :
       {std::pair(scene.stage().attacker_key, ask), std::pair(scene.stage().attacker_key, claiming),
        std::pair(std::string(), claiming)}) {
    CO_TRY(const Answer answer, co_await scene.ask(key, wanted));
    if (answer.status != 401 && answer.status != 403) co_return Finding{true, shown(answer)};
  }
  co_return Finding{false, "401 and 403"};
}

Probe owners(std::string name, std::string attack, Ask ask) {
  return {.name = std::move(name),
          .group = Group::kKeys,
          .attack = std::move(attack),
          .refusal = "keys are made and revoked through the Unix socket only",
          .run = [ask](Scene& scene, Side side) { return be_owner(scene, side, ask); },
          .needs_owner = true};
}

/// Whoever presents a key is that key, also through the socket where none is needed.
Task<Finding> dead_key_through_the_socket(Scene& scene, Side side) {
  for (const std::string& key : {scene.revoked_key(), scene.expired_key(), std::string("brig_0")}) {
    CO_TRY(const Answer answer,
           co_await scene.ask_owner({.target = "/v1/keys"}, side == Side::kControl ? std::string() : key));
    if (answer.status != 401) co_return Finding{true, shown(answer)};
  }
  co_return Finding{false, "401"};
}

Task<Finding> read_key_texts(Scene& scene, Side side) {
  CO_TRY(const Answer keys, co_await scene.ask_owner({.target = "/v1/keys"}));
  CO_TRY(const Answer me, co_await scene.ask(scene.key_of(Side::kControl), {.target = "/v1/me"}));
  const std::string& key = scene.stage().victim_key;
  // Control: the part of it that may be shown is there.
  const std::string looked_for = side == Side::kAttack ? key.substr(key.size() - 8) : key.substr(0, key.find('_') + 3);
  co_return Finding{keys.body.contains(looked_for) || me.body.contains(looked_for), printable(me.body)};
}

}  // namespace

void add_key_probes(std::vector<Probe>& probes) {
  probes.push_back(presented("201_no_key", "do without a key", {}));
  probes.push_back(presented(
      "202_key_in_the_query", "present a key where logs and histories keep it", {},
      std::string(kFile) + "&api_key={victim_key}&key={victim_key}&token={victim_key}&access_token={victim_key}"));
  probes.push_back(
      presented("203_key_in_a_cookie", "present a key where browsers send it by themselves",
                {{"Cookie", "api_key={victim_key}; X-API-Key={victim_key}; Authorization=Bearer {victim_key}"}}));
  probes.push_back(presented("204_basic", "present a key as a password, which browsers keep",
                             {{"Authorization", "Basic {victim_key}"}}));
  probes.push_back(presented("205_no_scheme", "present a key without a scheme", {{"Authorization", "{victim_key}"}}));
  probes.push_back(presented("206_two_keys", "have a second key looked at behind a bad one",
                             {{"Authorization", "Bearer brig_0000000000000000000000000000000000000000"},
                              {"Authorization", "Bearer {victim_key}"}}));
  probes.push_back(presented("207_list_of_keys", "present a list of keys",
                             {{"X-API-Key", "brig_0000000000000000000000000000000000000000, {victim_key}"}}));
  probes.push_back(
      presented("208_empty_key", "present an empty key", {{"X-API-Key", ""}, {"Authorization", "Bearer "}}));
  probes.push_back(
      presented("209_key_id", "present a key's id, which lists show", {{"Authorization", "Bearer {key_id}"}}));
  probes.push_back(presented("210_wildcards", "present a pattern", {{"X-API-Key", "brig_%"}}));
  probes.push_back(presented("211_forwarded_as_local", "pretend to come through the Unix socket",
                             {{"X-Forwarded-For", "unix:uid=0"}, {"Forwarded", "for=unix"}, {"X-Real-IP", "unix:"}}));
  probes.push_back(
      presented("212_method_override", "ask for one thing and have another done",
                {{"X-HTTP-Method-Override", "GET"}, {"X-Original-URL", "/v1/keys"}, {"X-Rewrite-URL", "/v1/keys"}}));
  probes.push_back(changed("213_one_digit", "present a key with one other digit", [](std::string key) {
    key.back() = key.back() == '0' ? '1' : '0';
    return key;
  }));
  probes.push_back(changed("214_shorter", "present the first 39 digits of a key", [](std::string key) {
    key.pop_back();
    return key;
  }));
  probes.push_back(changed("215_longer", "present a key and more", [](std::string key) { return key + "0"; }));
  probes.push_back(changed("216_trailing", "present a key with a comment", [](std::string key) { return key + " x"; }));
  probes.push_back(owners("217_make_a_key", "make a key", {.method = "POST", .target = "/v1/keys", .body = "{}"}));
  probes.push_back(owners("218_list_keys", "list all keys", {.method = "GET", .target = "/v1/keys"}));
  probes.push_back({.name = "219_dead_key_at_the_socket",
                    .group = Group::kKeys,
                    .attack = "be the owner with a dead key",
                    .refusal = "a key that is presented is judged, wherever",
                    .run = dead_key_through_the_socket,
                    .needs_owner = true});
  probes.push_back({.name = "220_read_key_texts",
                    .group = Group::kKeys,
                    .attack = "read a key's text back",
                    .refusal = "the store has a hash",
                    .run = read_key_texts,
                    .needs_owner = true});
}

}  // namespace brig::attack::api
