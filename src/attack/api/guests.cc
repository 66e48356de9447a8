/// A server inside a sandbox that answers hostile bytes to whoever visits it through the daemon.
#include <array>

#include "attack/api/scene.h"
#include "base/text.h"

namespace brig::attack::api {
namespace {

enum class Way : bool { kByPath, kByHost };

/// What is laid out as an answer, what must not be in what a visitor gets, and the harmless form, of which it must.
struct Bytes {
  std::string_view name;
  std::string_view attack;
  std::string_view refusal;
  Way way;
  std::string_view hostile;
  std::string_view reached;  ///< found in the raw bytes that the visitor gets
  std::string_view harmless;
};

constexpr std::string_view kStrict = "the answer is read strictly and written anew: 502";
constexpr std::string_view kTaken = "what acts beyond the answer is taken out";

#define BRIG_ANSWER(fields) \
  "HTTP/1.1 200 OK\r\n" fields "Content-Length: 2\r\nConnection: close\r\n\r\nok"  // NOLINT: joins literals

constexpr std::array kBytes{
    Bytes{"601_cookie_of_the_parent", "set a cookie for the parent domain", kTaken, Way::kByHost,
          BRIG_ANSWER("Set-Cookie: a=1; Path=/; Domain=localhost\r\n"), "omain=localhost",
          BRIG_ANSWER("X-Other: Domain=localhost\r\n")},
    Bytes{"602_cookie_of_the_parent_hidden", "hide that domain from who looks for it", kTaken, Way::kByHost,
          BRIG_ANSWER("Set-Cookie: a=1;\t dOmAiN \t=localhost; Domain=localhost\r\n"), "=localhost",
          BRIG_ANSWER("Set-Cookie: a=localhost\r\n")},
    Bytes{"603_cookie_of_ours", "replace the cookie of a preview", kTaken, Way::kByHost,
          BRIG_ANSWER("Set-Cookie: brig_preview=1.2; Path=/\r\n"), "brig_preview",
          BRIG_ANSWER("Set-Cookie: another_preview=1; Comment=brig_preview\r\n")},
    Bytes{"604_cookie_by_path", "set a cookie of the API's own host", kTaken, Way::kByPath,
          BRIG_ANSWER("Set-Cookie: a=hostile; Path=/\r\n"), "a=hostile", BRIG_ANSWER("X-Cookie: a=hostile\r\n")},
    Bytes{"605_clear_site_data", "clear what the visitor keeps of the API's origin", kTaken, Way::kByPath,
          BRIG_ANSWER("Clear-Site-Data: \"*\"\r\n"), "\"*\"", BRIG_ANSWER("ETag: \"*\"\r\n")},
    Bytes{"606_service_worker", "put a service worker over the API's origin", kTaken, Way::kByPath,
          BRIG_ANSWER("Service-Worker-Allowed: /hostile\r\n"), "/hostile", BRIG_ANSWER("X-Other: /hostile\r\n")},
    Bytes{"607_transport_security", "bind the visitor's browser to TLS", kTaken, Way::kByHost,
          BRIG_ANSWER("Strict-Transport-Security: max-age=99999999; includeSubDomains\r\n"), "max-age=99999999",
          BRIG_ANSWER("Cache-Control: max-age=99999999\r\n")},
    Bytes{"608_alternative_service", "send the visitor's browser to another server", kTaken, Way::kByHost,
          BRIG_ANSWER("Alt-Svc: h2=\"evil.example:443\"\r\n"), "evil.example",
          BRIG_ANSWER("X-Other: evil.example\r\n")},
    Bytes{"609_request_id", "forge the request's id", kTaken, Way::kByPath, BRIG_ANSWER("X-Request-Id: forged\r\n"),
          "forged", BRIG_ANSWER("X-Other: forged\r\n")},
    Bytes{"610_bare_cr", "inject a header behind CR alone", kStrict, Way::kByHost,
          BRIG_ANSWER("X-A: b\rSet-Cookie: injected=1\r\n"), "injected", BRIG_ANSWER("X-A: injected\r\n")},
    Bytes{"611_bare_lf", "inject a header behind LF alone", kStrict, Way::kByHost,
          BRIG_ANSWER("X-A: b\nSet-Cookie: injected=1; Domain=localhost\r\n"), "injected",
          BRIG_ANSWER("X-A: injected\r\n")},
    Bytes{"612_folded", "inject a header by a folded line", kStrict, Way::kByHost,
          BRIG_ANSWER("X-A: b\r\n Set-Cookie: injected=1\r\n"), "injected", BRIG_ANSWER("X-A: injected\r\n")},
    Bytes{"613_status_line", "inject a header by the status line", kStrict, Way::kByHost,
          "HTTP/1.1 200 OK\rSet-Cookie: injected=1\r\nContent-Length: 2\r\n\r\nok", "injected",
          BRIG_ANSWER("X-A: injected\r\n")},
    Bytes{"614_two_lengths", "answer with two lengths", kStrict, Way::kByPath,
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 60\r\n\r\nokinjected", "injected",
          "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nokinjected"},
    Bytes{"615_length_and_chunks", "answer with a length and chunks", kStrict, Way::kByPath,
          "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\nokinjected", "injected",
          "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nokinjected"},
    Bytes{"616_second_answer", "answer twice, so that the next visitor gets the second",
          "a connection inside is used once", Way::kByPath,
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ninjected",
          "injected", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nokinjected"},
    Bytes{"617_answer_in_the_body", "continue behind an answer that has no body", "204 and 304 have none", Way::kByPath,
          "HTTP/1.1 204 No Content\r\nContent-Length: 8\r\n\r\ninjected", "injected",
          "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ninjected"},
    Bytes{
        "618_upgrade_unasked", "take the connection over by an upgrade that nobody asked for", kStrict, Way::kByPath,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nHTTP/1.1 200 OK\r\n\r\ninjected",
        "injected", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ninjected"},
    Bytes{"619_no_http", "answer with something that is no HTTP", kStrict, Way::kByPath, "injected\r\n\r\ninjected",
          "injected", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ninjected"},
    Bytes{"620_negative_chunk", "answer with a chunk of a negative size", kStrict, Way::kByPath,
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-8\r\ninjected\r\n0\r\n\r\n", "injected",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ninjected\r\n0\r\n\r\n"},
    Bytes{"621_trailer", "add headers behind the body", kTaken, Way::kByPath,
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: injected=1\r\n\r\n",
          "injected", BRIG_ANSWER("X-A: injected\r\n")},
    Bytes{"622_interim_headers", "set cookies by an interim answer", kTaken, Way::kByPath,
          "HTTP/1.1 103 Early Hints\r\nSet-Cookie: injected=1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
          "injected", BRIG_ANSWER("X-A: injected\r\n")},
    Bytes{"623_named_in_connection", "have our own headers taken out by naming them in Connection", kTaken,
          Way::kByPath,
          "HTTP/1.1 200 OK\r\nConnection: close, Content-Security-Policy, X-Request-Id\r\nX-Reached: "
          "injected\r\nContent-Length: 2\r\n\r\nok",
          "injected-without-policy", BRIG_ANSWER("X-A: injected-without-policy\r\n")},
};
#undef BRIG_ANSWER

/// Visits "/name" of the victim's server as its owner; two requests on one connection, the second to the daemon itself.
Task<std::string> visit(Scene& scene, Way way, std::string_view name) {
  const std::string target = way == Way::kByPath ? "/v1/sandboxes/{victim}/ports/8000/" : "/";
  const std::string host = way == Way::kByPath ? "{host}" : "8000-{victim}.localhost" + scene.port_suffix();
  co_return co_await scene.raw(
      "GET " + target + std::string(name) + " HTTP/1.1\r\nHost: " + host +
      "\r\nX-API-Key: {victim_key}\r\n\r\nGET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
}

Task<Finding> answer(Scene& scene, Side side, const Bytes& bytes) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  const std::string name(bytes.name.substr(0, 3));
  CO_TRY_VOID(co_await scene.answer_with(name, std::string(side == Side::kAttack ? bytes.hostile : bytes.harmless)));
  CO_TRY(const std::string got, co_await visit(scene, bytes.way, name));
  // A page by path always has an origin that nothing else has, whatever the server inside says.
  const bool lacks_policy =
      bytes.way == Way::kByPath && got.starts_with("HTTP/1.1 200") && !got.contains("Content-Security-Policy: sandbox");
  if (side == Side::kAttack && lacks_policy) co_return Finding{true, "the answer lacks our policy: " + printable(got)};
  co_return Finding{got.contains(bytes.reached), printable(got)};
}

/// By path a page has no origin of the API's: a script in it can read nothing of the API's and has no storage.
Task<Finding> own_origin(Scene& scene, Side side) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  CO_TRY_VOID(
      co_await scene.answer_with("page",
                                 "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Security-Policy: default-src "
                                 "*; sandbox allow-same-origin allow-scripts\r\nContent-Length: 2\r\n\r\nok"));
  CO_TRY(const std::string got, co_await visit(scene, side == Side::kAttack ? Way::kByPath : Way::kByHost, "page"));
  // Several policies hold all at once, so ours is enough. By host name the page keeps its own origin.
  const bool is_sandboxed = got.contains(
      "Content-Security-Policy: sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts\r\n");
  co_return Finding{!is_sandboxed && got.starts_with("HTTP/1.1 200"), printable(got)};
}

Task<Finding> huge_head(Scene& scene, Side side) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  const std::size_t size = side == Side::kAttack ? std::size_t{2} << 20 : std::size_t{2} << 10;
  CO_TRY_VOID(co_await scene.answer_with(
      "huge", "HTTP/1.1 200 OK\r\nX-Huge: " + std::string(size, 'x') + "\r\nContent-Length: 2\r\n\r\nok"));
  CO_TRY(const std::string got, co_await visit(scene, Way::kByPath, "huge"));
  co_return Finding{got.starts_with("HTTP/1.1 200"), printable(got.substr(0, got.find("\r\n")))};
}

/// The visitor reads a little of a body without end and stays: the daemon must not read on for it, and goes on serving.
Task<Finding> endless_body(Scene& scene, Side side) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  CO_TRY(const auto connection, co_await scene.connect());
  CO_TRY_VOID(co_await connection->write(scene.fill(
      "GET /v1/sandboxes/{victim}/ports/8000/endless HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {victim_key}\r\n\r\n")));
  CO_TRY(const std::string begun, co_await connection->read(std::size_t{1} << 20, Milliseconds{10'000}));
  if (side == Side::kControl)
    co_return Finding{begun.size() >= std::size_t{1} << 20, std::to_string(begun.size()) + " bytes came"};
  CO_TRY(const bool is_served, co_await scene.is_served());
  co_return Finding{!is_served, is_served ? "others were served meanwhile" : "nobody else was served"};
}

}  // namespace

void add_guest_probes(std::vector<Probe>& probes) {
  for (const Bytes& one : kBytes) {
    probes.push_back({.name = std::string(one.name),
                      .group = Group::kGuests,
                      .attack = std::string(one.attack),
                      .refusal = std::string(one.refusal),
                      .run = [&one](Scene& scene, Side side) { return answer(scene, side, one); }});
  }
  probes.push_back({.name = "624_origin_of_the_api",
                    .group = Group::kGuests,
                    .attack = "run a page's scripts as the API's origin",
                    .refusal = "by path: Content-Security-Policy: sandbox",
                    .run = own_origin});
  probes.push_back({.name = "625_huge_head",
                    .group = Group::kGuests,
                    .attack = "answer with a head of 2 MB",
                    .refusal = "64 KiB of it are read",
                    .run = huge_head});
  probes.push_back({.name = "626_endless_body",
                    .group = Group::kGuests,
                    .attack = "answer with a body without end",
                    .refusal = "streamed, as fast as the visitor reads",
                    .run = endless_body});
}

}  // namespace brig::attack::api
