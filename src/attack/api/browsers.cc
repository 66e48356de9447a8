/// What a page of somebody else's can have a visitor's browser do: it sends cookies along, and Origin, and cannot send
/// keys.
#include "attack/api/scene.h"
#include "base/text.h"

namespace brig::attack::api {
namespace {

constexpr int kLong = 600;

std::string shown(const Answer& answer) { return std::to_string(answer.status) + " " + printable(answer.body); }

const http::Headers kUpgrade{{"Connection", "Upgrade"},
                             {"Upgrade", "websocket"},
                             {"Sec-WebSocket-Version", "13"},
                             {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};

struct Page {
  std::string method = "GET";
  http::Headers hostile;   ///< what the browser adds for a page of another origin
  http::Headers harmless;  ///< and for the server's own
  bool is_upgrade = false;
};

/// A request with the visitor's cookie of a preview by host name.
Task<Finding> ride(Scene& scene, Side side, Page page) {
  CO_TRY(const std::string pass,
         co_await scene.preview(scene.key_of(Side::kControl), scene.victim(), Scene::kPort, kLong));
  Ask ask{.method = page.method,
          .target = page.is_upgrade ? "/" : "/secret",
          .headers = page.is_upgrade ? kUpgrade : http::Headers()};
  ask.headers.add("Host", "8000-{victim}.localhost" + scene.port_suffix());
  ask.headers.add("Cookie", "brig_preview=" + pass);
  for (const http::Field& field : side == Side::kAttack ? page.hostile : page.harmless)
    ask.headers.add(
        field.name,
        field.value + (field.name == "Origin" && field.value.ends_with(".localhost") ? scene.port_suffix() : ""));
  CO_TRY(const Answer answer, co_await scene.ask("", std::move(ask)));
  co_return Finding{answer.status == 101 || answer.body.contains(scene.secret()), shown(answer)};
}

Probe ridden(std::string name, std::string attack, Page page) {
  return {.name = std::move(name),
          .group = Group::kBrowsers,
          .attack = std::move(attack),
          .refusal = "a cookie alone lets nobody in who comes from another origin",
          .run = [page](Scene& scene, Side side) { return ride(scene, side, page); }};
}

const http::Headers kOwn{{"Origin", "http://8000-{victim}.localhost"}, {"Sec-Fetch-Site", "same-origin"}};

/// Without a key, for a page that has the daemon's address: by name (DNS rebinding) or from another origin.
Task<Finding> keyless(Scene& scene, Side side, Ask hostile, Ask harmless) {
  CO_TRY(const Answer answer, co_await scene.ask("", side == Side::kAttack ? std::move(hostile) : std::move(harmless)));
  co_return Finding{answer.status < 400, shown(answer)};
}

Task<Finding> read_across(Scene& scene, Side side) {
  Ask ask{.target = "/v1/sandboxes/{victim}", .headers = {{"Origin", "https://evil.example"}}};
  if (side == Side::kControl) {
    CO_TRY_VOID(co_await scene.answer_with(
        "grant", "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 2\r\n\r\nok"));
    ask = {.target = "/grant", .headers = {{"Host", "8000-{victim}.localhost" + scene.port_suffix()}}};
  }
  CO_TRY(const Answer answer, co_await scene.ask(scene.key_of(Side::kControl), std::move(ask)));
  const std::string grant(answer.headers.get("Access-Control-Allow-Origin"));
  co_return Finding{!grant.empty(), "Access-Control-Allow-Origin: " + printable(grant)};
}

Task<Finding> preflight(Scene& scene, Side side) {
  const std::string target = side == Side::kAttack ? "/v1/sandboxes" : "/v1/sandboxes/{victim}/ports/8000/";
  CO_TRY(const Answer answer, co_await scene.ask(side == Side::kAttack ? std::string() : scene.key_of(side),
                                                 {.method = "OPTIONS",
                                                  .target = target,
                                                  .headers = {{"Origin", "https://evil.example"},
                                                              {"Access-Control-Request-Method", "POST"},
                                                              {"Access-Control-Request-Headers", "authorization"}}}));
  co_return Finding{answer.status < 400, shown(answer)};
}

Probe without_key(std::string name, std::string attack, std::string refusal, Ask hostile, Ask harmless) {
  return {.name = std::move(name),
          .group = Group::kBrowsers,
          .attack = std::move(attack),
          .refusal = std::move(refusal),
          .run = [hostile, harmless](Scene& scene, Side side) { return keyless(scene, side, hostile, harmless); }};
}

Ask own(Ask ask) {
  ask.headers.add("X-API-Key", "{victim_key}");
  return ask;
}

}  // namespace

void add_browser_probes(std::vector<Probe>& probes) {
  probes.push_back(ridden("701_websocket_of_another_origin", "open a WebSocket to a port with the visitor's cookie",
                          {.hostile = {{"Origin", "https://evil.example"}}, .harmless = kOwn, .is_upgrade = true}));
  probes.push_back(
      ridden("702_websocket_of_a_neighbour", "do so from a page of another sandbox below the same domain",
             {.hostile = {{"Origin", "http://8000-{attacker}.localhost"}}, .harmless = kOwn, .is_upgrade = true}));
  probes.push_back(ridden("703_websocket_of_no_origin", "do so from a page in a frame without an origin",
                          {.hostile = {{"Origin", "null"}}, .harmless = kOwn, .is_upgrade = true}));
  probes.push_back(ridden(
      "704_origin_that_looks_alike", "do so from an origin that begins alike",
      {.hostile = {{"Origin", "http://8000-{victim}.localhost.evil.example"}}, .harmless = kOwn, .is_upgrade = true}));
  probes.push_back(
      ridden("705_post_of_a_neighbour", "send a form with the visitor's cookie",
             {.method = "POST", .hostile = {{"Origin", "http://8000-{attacker}.localhost"}}, .harmless = kOwn}));
  probes.push_back(ridden(
      "706_script_of_a_neighbour", "load a port's answer as a script or picture with the visitor's cookie",
      {.hostile = {{"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Mode", "no-cors"}, {"Sec-Fetch-Dest", "script"}},
       .harmless = {{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Mode", "no-cors"}, {"Sec-Fetch-Dest", "script"}}}));
  probes.push_back(ridden(
      "707_fetch_across_sites", "fetch a port's answer from another site with the visitor's cookie",
      {.hostile = {{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "cors"}},
       .harmless = {
           {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Mode", "navigate"}, {"Sec-Fetch-Dest", "document"}}}));
  probes.push_back(without_key("708_terminal_of_another_origin",
                               "open a terminal's WebSocket from a page, with whatever cookies there are",
                               "the API takes no cookies",
                               {.target = "/v1/sandboxes/{victim}/processes/{process}/attach",
                                .headers = {{"Origin", "https://evil.example"},
                                            {"Cookie", "brig_preview=1.2"},
                                            {"Connection", "Upgrade"},
                                            {"Upgrade", "websocket"},
                                            {"Sec-WebSocket-Version", "13"},
                                            {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}}},
                               own({.target = "/v1/sandboxes/{victim}"})));
  probes.push_back(without_key("709_simple_post", "make a sandbox by a form of a page", "the API takes no cookies",
                               {.method = "POST",
                                .target = "/v1/sandboxes",
                                .body = "{}",
                                .headers = {{"Origin", "https://evil.example"}, {"Content-Type", "text/plain"}}},
                               own({.target = "/v1/sandboxes/{victim}"})));
  probes.push_back(without_key("710_rebinding", "reach the API by another name of this machine",
                               "no request without a key but from the Unix socket",
                               {.target = "/v1/sandboxes", .headers = {{"Host", "evil.example:2744"}}},
                               own({.target = "/v1/sandboxes", .headers = {{"Host", "evil.example:2744"}}})));
  probes.push_back(without_key("711_rebinding_to_the_figures", "read the figures by another name of this machine",
                               "without a key only by a name of this machine",
                               {.target = "/metrics", .headers = {{"Host", "evil.example:2744"}}},
                               own({.target = "/metrics"})));
  probes.push_back(without_key("712_rebinding_to_a_port", "reach a port by a name of the page's own domain",
                               "a port's name opens nothing without a pass or a key",
                               {.target = "/secret", .headers = {{"Host", "8000-{victim}.evil.example"}}},
                               own({.target = "/secret", .headers = {{"Host", "8000-{victim}.localhost"}}})));
  probes.push_back({.name = "713_read_across",
                    .group = Group::kBrowsers,
                    .attack = "be granted to read the API's answers from another origin",
                    .refusal = "the API grants no origin anything",
                    .run = read_across});
  probes.push_back({.name = "714_preflight",
                    .group = Group::kBrowsers,
                    .attack = "be granted to send keys from another origin",
                    .refusal = "the API answers no preflight",
                    .run = preflight});
}

}  // namespace brig::attack::api
