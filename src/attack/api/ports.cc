/// Passes of previews that are forged, foreign, changed or dead; and keys on their way to a server inside.
#include "async/timer.h"
#include "attack/api/scene.h"
#include "base/text.h"

namespace brig::attack::api {
namespace {

constexpr int kLong = 600;

struct Visit {
  std::string host = {};  ///< empty: by path
  std::string target;
  http::Headers headers = {};
};

std::string by_path(const std::string& pass) { return "/v1/sandboxes/{victim}/ports/8000/secret?brig_preview=" + pass; }

Task<Finding> visit(Scene& scene, Visit visit) {
  Ask ask{.target = std::move(visit.target), .headers = std::move(visit.headers)};
  if (!visit.host.empty()) ask.headers.add("Host", visit.host + scene.port_suffix());
  CO_TRY(const Answer answer, co_await scene.ask("", std::move(ask)));
  co_return Finding{answer.body.contains(scene.secret()), std::to_string(answer.status) + " " + printable(answer.body)};
}

/// From a good pass, and one of the attacker's own sandbox, to a bad visit.
using Forge = Visit (*)(const std::string& good, const std::string& own);

Task<Finding> forge(Scene& scene, Side side, Forge make) {
  CO_TRY(const std::string good,
         co_await scene.preview(scene.key_of(Side::kControl), scene.victim(), Scene::kPort, kLong));
  if (side == Side::kControl) co_return co_await visit(scene, {.target = by_path(good)});
  CO_TRY(const std::string own,
         co_await scene.preview(scene.key_of(Side::kAttack), scene.attacker(), Scene::kPort, kLong));
  co_return co_await visit(scene, make(good, own));
}

Probe forged(std::string name, std::string attack, Forge make) {
  return {.name = std::move(name),
          .group = Group::kPasses,
          .attack = std::move(attack),
          .refusal = "HMAC over sandbox, port and moment, compared in constant time",
          .run = [make](Scene& scene, Side side) { return forge(scene, side, make); }};
}

std::string signature_of(const std::string& pass) { return pass.substr(pass.find('.') + 1); }
std::string expiry_of(const std::string& pass) { return pass.substr(0, pass.find('.')); }
const char* const kHost = "8000-{victim}.localhost";

Task<Finding> visit_too_late(Scene& scene, Side side) {
  CO_TRY(const std::string pass, co_await scene.preview(scene.key_of(Side::kControl), scene.victim(), Scene::kPort,
                                                        side == Side::kControl ? kLong : 1));
  // Its moment is a whole second, at most one after the next.
  if (side == Side::kAttack) CO_TRY_VOID(co_await sleep(Milliseconds{2'100}));
  co_return co_await visit(scene, {.target = by_path(pass)});
}

Task<Finding> visit_after_revocation(Scene& scene, Side side) {
  CO_TRY(const Answer made, co_await scene.ask_owner({.method = "POST", .target = "/v1/keys", .body = "{}"}));
  const auto field = [&made](std::string_view name) {
    const std::string start = "\"" + std::string(name) + "\":\"";
    const auto at = made.body.find(start);
    if (at == std::string::npos) return std::string();
    return made.body.substr(at + start.size(), made.body.find('"', at + start.size()) - at - start.size());
  };
  const std::string key = field("key");
  CO_TRY(const std::string id, co_await scene.make(key));
  CO_TRY(const std::string pass, co_await scene.preview(key, id, 9, kLong));
  if (side == Side::kAttack)
    CO_TRY_VOID(co_await scene.ask_owner({.method = "DELETE", .target = "/v1/keys/" + field("id")}));
  CO_TRY(const Answer answer,
         co_await scene.ask("", {.target = "/v1/sandboxes/" + id + "/ports/9/?brig_preview=" + pass}));
  // 502: let in, and nothing listens there.
  co_return Finding{answer.status == 502, std::to_string(answer.status) + " " + printable(answer.body)};
}

/// What is presented to the daemon is nothing for the server inside.
Task<Finding> overhear(Scene& scene, Side side) {
  CO_TRY(const std::string pass,
         co_await scene.preview(scene.key_of(Side::kControl), scene.victim(), Scene::kPort, kLong));
  CO_TRY(const std::string before, co_await scene.heard());
  const std::string target = "/v1/sandboxes/{victim}/ports/8000/";
  const Visit visits[] = {
      {.target = target, .headers = {{"Authorization", "Bearer {victim_key}"}, {"X-Canary", "heard"}}},
      {.target = target, .headers = {{"X-API-Key", "{victim_key}"}}},
      {.target = target + "?brig_preview=" + pass, .headers = {{"Authorization", "Bearer {victim_key}"}}},
      {.target = target + "?a=b&brig%5Fpreview=" + pass + "&brig_preview=" + pass,
       .headers = {{"Referer", "http://x/?brig_preview=" + pass}, {"X-API-Key", "{victim_key}"}}},
      {.target = target, .headers = {{"Cookie", "a=b; brig_preview=" + pass}}},
      {.host = kHost,
       .target = "/",
       .headers = {{"Cookie", "brig_preview=" + pass}, {"Cookie", "c=d; brig_preview=" + pass + "; e=f"}}}};
  for (const Visit& one : visits) CO_TRY_VOID(co_await visit(scene, one));
  CO_TRY(const std::string after, co_await scene.heard());
  const std::string heard = after.substr(std::min(before.size(), after.size()));
  if (side == Side::kControl) co_return Finding{heard.contains("X-Canary: heard"), printable(heard)};
  const std::string& key = scene.key_of(Side::kControl);
  const bool has_key = heard.contains(key.substr(key.find('_') + 1));
  const bool has_pass = heard.contains(signature_of(pass));
  co_return Finding{has_key || has_pass, has_key    ? "a key was heard"
                                         : has_pass ? "a pass was heard"
                                                    : "neither key nor pass was heard"};
}

}  // namespace

void add_port_probes(std::vector<Probe>& probes) {
  probes.push_back(forged(
      "501_no_signature", "visit a port with a moment alone",
      [](const std::string& good, const std::string&) { return Visit{.target = by_path(expiry_of(good) + ".")}; }));
  probes.push_back(
      forged("502_zeros", "visit with a made-up signature", [](const std::string& good, const std::string&) {
        return Visit{.target = by_path(expiry_of(good) + "." + std::string(64, '0'))};
      }));
  probes.push_back(forged("503_later", "make a pass last longer", [](const std::string& good, const std::string&) {
    return Visit{.target = by_path("9" + expiry_of(good) + "." + signature_of(good))};
  }));
  probes.push_back(
      forged("504_other_spelling", "spell a pass's moment otherwise", [](const std::string& good, const std::string&) {
        return Visit{.target = by_path("0" + expiry_of(good) + "." + signature_of(good))};
      }));
  probes.push_back(
      forged("505_upper_case", "spell a signature otherwise", [](const std::string& good, const std::string&) {
        std::string changed = good;
        for (char& c : changed) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
        return Visit{.target = by_path(changed)};
      }));
  probes.push_back(
      forged("506_other_port", "use a pass for another port", [](const std::string& good, const std::string&) {
        return Visit{.target = "/v1/sandboxes/{victim}/ports/08000/secret?brig_preview=" + good};
      }));
  probes.push_back(forged("507_own_pass", "use a pass of an own sandbox",
                          [](const std::string&, const std::string& own) { return Visit{.target = by_path(own)}; }));
  probes.push_back(
      forged("508_own_pass_by_host", "use it by host name", [](const std::string&, const std::string& own) {
        return Visit{.host = kHost, .target = "/secret?brig_preview=" + own};
      }));
  probes.push_back(forged("509_own_cookie", "use it as a cookie", [](const std::string&, const std::string& own) {
    return Visit{.host = kHost, .target = "/secret", .headers = {{"Cookie", "brig_preview=" + own}}};
  }));
  probes.push_back(forged("510_pass_as_key", "use a pass as a key", [](const std::string& good, const std::string&) {
    return Visit{.target = "/v1/sandboxes/{victim}/fs?path=/workspace/secret",
                 .headers = {{"Authorization", "Bearer " + good}}};
  }));
  probes.push_back(forged(
      "511_pass_on_the_api", "use a pass for the sandbox's files", [](const std::string& good, const std::string&) {
        return Visit{.target = "/v1/sandboxes/{victim}/fs?path=/workspace/secret&brig_preview=" + good,
                     .headers = {{"Cookie", "brig_preview=" + good}}};
      }));
  probes.push_back(forged("512_pass_in_a_header", "present a pass where none is looked for",
                          [](const std::string& good, const std::string&) {
                            return Visit{
                                .target = "/v1/sandboxes/{victim}/ports/8000/secret",
                                .headers = {{"brig_preview", good}, {"Referer", "http://x/?brig_preview=" + good}}};
                          }));
  probes.push_back(forged("513_nothing", "visit a port without anything", [](const std::string&, const std::string&) {
    return Visit{.host = kHost, .target = "/secret"};
  }));
  probes.push_back({.name = "514_too_late",
                    .group = Group::kPasses,
                    .attack = "use a pass after its moment",
                    .refusal = "the moment is signed, and compared with the clock at each request",
                    .run = visit_too_late});
  probes.push_back({.name = "515_after_revocation",
                    .group = Group::kPasses,
                    .attack = "use a pass whose maker's key was revoked",
                    .refusal = "a pass is worth no more than the key",
                    .run = visit_after_revocation,
                    .needs_owner = true});
  probes.push_back({.name = "516_overhear",
                    .group = Group::kPasses,
                    .attack = "read keys and passes inside, from a server's requests",
                    .refusal = "they are taken out of every header, cookie and query that is passed on",
                    .run = overhear});
}

}  // namespace brig::attack::api
