/// Requests that cost the daemon more than they cost who sends them.
#include <array>
#include <memory>

#include "attack/api/scene.h"
#include "base/text.h"

namespace brig::attack::api {
namespace {

std::string repeated(std::string_view text, std::size_t count) {
  std::string all;
  all.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

/// One request of the attacker's own, much too large; the control is the same, of a usual size.
struct Excess {
  std::string_view name;
  std::string_view attack;
  std::string_view refusal;
  std::string (*request)(Side side);
};

std::string post(std::string_view target, const std::string& body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {attacker_key}\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string get(const std::string& target, const std::string& headers = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {attacker_key}\r\n" + headers +
         "Connection: close\r\n\r\n";
}

constexpr std::array kExcesses{
    Excess{"901_huge_body", "send 8 MB of JSON", "413 at 1 MiB",
           [](Side side) {
             return post("/v1/sandboxes/{attacker}/exec",
                         R"({"cmd": "true", "env": {"A": ")" +
                             std::string(side == Side::kAttack ? std::size_t{8} << 20 : 10, 'x') + "\"}}");
           }},
    Excess{"902_deep_json", "nest arrays 100,000 deep", "32 are read",
           [](Side side) {
             return post("/v1/sandboxes/{attacker}/exec",
                         side == Side::kAttack ? R"({"argv": )" + repeated("[", 100'000) + repeated("]", 100'000) + "}"
                                               : R"({"argv": ["true"]})");
           }},
    Excess{"903_huge_number", "send a number of 100,000 digits", "what no double holds is a mistake",
           [](Side side) {
             return post("/v1/sandboxes/{attacker}/exec", R"({"cmd": "true", "timeout_seconds": )" +
                                                              std::string(side == Side::kAttack ? 100'000 : 1, '9') +
                                                              "}");
           }},
    Excess{"904_many_names", "send 50,000 pieces of metadata", "64",
           [](Side side) {
             std::string body = R"({"metadata": {"a": "b")";
             for (int i = 0; i < (side == Side::kAttack ? 50'000 : 3); ++i)
               body += ",\"n" + std::to_string(i) + "\": \"\"";
             return post("/v1/sandboxes/{attacker}/fork", body + "}}");
           }},
    Excess{"905_huge_metadata", "have 256 KB kept of a sandbox", "16 KiB of metadata",
           [](Side side) {
             std::string body = R"({"metadata": {"a": "b")";
             for (int i = 0; i < (side == Side::kAttack ? 63 : 3); ++i)
               body += ",\"n" + std::to_string(i) + "\": \"" + std::string(4'000, 'x') + "\"";
             return post("/v1/sandboxes/{attacker}/fork", body + "}}");
           }},
    Excess{"906_many_headers", "send 5,000 headers", "431 at 100",
           [](Side side) { return get("/v1/me", repeated("X-A: b\r\n", side == Side::kAttack ? 5'000 : 50)); }},
    Excess{"907_huge_header", "send a header of 1 MB", "431 at 32 KiB",
           [](Side side) {
             return get("/v1/me",
                        "X-A: " + std::string(side == Side::kAttack ? std::size_t{1} << 20 : 1000, 'x') + "\r\n");
           }},
    Excess{"908_huge_target", "send a target of 1 MB", "414 at 8 KiB",
           [](Side side) {
             return get("/v1/me?x=" + std::string(side == Side::kAttack ? std::size_t{1} << 20 : 1000, 'x'));
           }},
    Excess{"909_many_conditions", "search the list for hundreds of conditions at once", "16 conditions",
           [](Side side) {
             std::string target = "/v1/sandboxes?state=all";
             for (int i = 0; i < (side == Side::kAttack ? 400 : 5); ++i) target += "&metadata.x=" + std::to_string(i);
             return get(target);
           }},
    Excess{"910_endless_chunk_line", "begin a chunk and never say how long it is", "a chunk's line has a limit",
           [](Side side) {
             return "PUT /v1/sandboxes/{attacker}/fs?path=/workspace/x HTTP/1.1\r\nHost: {host}\r\nX-API-Key: "
                    "{attacker_key}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                    std::string(side == Side::kAttack ? std::size_t{1} << 20 : 10, 'x') + "\r\nx\r\n0\r\n\r\n";
           }},
    Excess{"911_endless_trailer", "send 1 MB of trailers", "trailers have a limit",
           [](Side side) {
             return "PUT /v1/sandboxes/{attacker}/fs?path=/workspace/x HTTP/1.1\r\nHost: {host}\r\nX-API-Key: "
                    "{attacker_key}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" +
                    repeated("X-A: b\r\n", side == Side::kAttack ? 130'000 : 2) + "\r\n";
           }},
};

Task<Finding> exceed(Scene& scene, Side side, const Excess& excess) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  CO_TRY(const std::string answer, co_await scene.raw(excess.request(side)));
  CO_TRY(const bool is_served, co_await scene.is_served());
  if (!is_served) co_return Finding{side == Side::kAttack, "nobody was served any more"};
  co_return Finding{answer.starts_with("HTTP/1.1 2"),
                    answer.empty() ? "closed without a word" : printable(answer.substr(0, answer.find("\r\n")))};
}

/// So many connections that stay as they are, and one proper customer.
struct Crowd {
  std::string_view name;
  std::string_view attack;
  std::string_view begin;  ///< what each sends, and then nothing more
};

constexpr std::array kCrowds{
    Crowd{"921_silent", "open 500 connections and say nothing", ""},
    Crowd{"922_half_heads", "begin 500 requests and never finish them",
          "GET /v1/sandboxes HTTP/1.1\r\nHost: {host}\r\nX-"},
    Crowd{
        "923_half_bodies", "announce 500 bodies and never send them",
        "POST /v1/sandboxes HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {attacker_key}\r\nContent-Length: 1000000\r\n\r\n{"},
    Crowd{"924_followers", "follow events 500 times",
          "GET /v1/events HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {attacker_key}\r\n\r\n"},
    Crowd{"925_waiters", "wait 500 times for a port that never says anything",
          "GET /v1/sandboxes/{attacker}/ports/8000/endless HTTP/1.1\r\nHost: {host}\r\nX-API-Key: "
          "{attacker_key}\r\n\r\n"},
};

Task<Finding> crowd(Scene& scene, Side side, const Crowd& crowd) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  constexpr int kMany = 500;
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < (side == Side::kAttack ? kMany : 1); ++i) {
    CO_TRY(connections.emplace_back(), co_await scene.connect());
    CO_TRY_VOID(co_await connections.back()->write(scene.fill(crowd.begin)));
  }
  if (side == Side::kControl) co_return Finding{true, "one connection was opened"};
  CO_TRY(const bool is_served, co_await scene.is_served());
  CO_TRY(const Answer events,
         co_await scene.ask(scene.key_of(Side::kControl), {.target = "/v1/events", .is_stream = true}));
  if (events.status != 200) co_return Finding{true, "another key was refused: " + printable(events.body)};
  co_return Finding{!is_served, is_served ? "others were served meanwhile" : "nobody else was served"};
}

/// A frame of a WebSocket that announces more than anybody has.
Task<Finding> giant_frame(Scene& scene, Side side) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  CO_TRY(const Answer started,
         co_await scene.ask(scene.stage().attacker_key,
                            {.method = "POST",
                             .target = "/v1/sandboxes/{attacker}/exec",
                             .body = R"({"argv": ["cat"], "background": true, "keep_stdin": true})"}));
  const auto at = started.body.find("\"id\":\"");
  if (started.status != 202 || at == std::string::npos)
    co_return Error(Code::kUnavailable, "no command: " + started.body);
  const std::string id = started.body.substr(at + 6, started.body.find('"', at + 6) - at - 6);
  CO_TRY(const auto connection, co_await scene.connect());
  CO_TRY_VOID(co_await connection->write(
      scene.fill("GET /v1/sandboxes/{attacker}/processes/" + id +
                 "/attach HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {attacker_key}\r\nConnection: Upgrade\r\nUpgrade: "
                 "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")));
  CO_TRY(const std::string head, co_await connection->read(1, Milliseconds{10'000}));
  using std::string_literals::operator""s;
  const std::string giant = "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"s + std::string(4, '\0');
  const std::string small = "\x82\x85"s + std::string(4, '\0') + "hello";
  CO_TRY_VOID(
      co_await connection->write(side == Side::kAttack ? giant + std::string(std::size_t{64} << 10, 'x') : small));
  CO_TRY(const std::string came,
         co_await connection->read(std::size_t{1} << 20, Milliseconds{side == Side::kAttack ? 10'000 : 500}));
  if (side == Side::kControl) co_return Finding{came.contains("hello"), printable(came)};
  CO_TRY(const bool is_served, co_await scene.is_served());
  co_return Finding{!is_served || came.contains("xxxx"),
                    is_served ? "the connection was closed" : "nobody else was served"};
}

/// A sandbox whose policy lets the daemon keep 1 GiB of output: what one answer then holds of 64 MB, which as JSON are
/// six times as much.
Task<Finding> huge_answer(Scene& scene, Side side) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  const std::string& key = scene.stage().attacker_key;
  CO_TRY(const std::string id, co_await scene.make(key, R"({"limits": {"output": "16M", "output_total": "2G"}})"));
  const std::string count = side == Side::kAttack ? "64000000" : "1000";
  const std::string body = R"({"cmd": "head -c )" + count + R"( /dev/zero"})";
  CO_TRY(const auto connection, co_await scene.connect());
  CO_TRY_VOID(co_await connection->write(scene.fill(post("/v1/sandboxes/" + id + "/exec", body))));
  constexpr std::size_t kTooMuch = std::size_t{40} << 20;
  CO_TRY(const std::string answer, co_await connection->read(kTooMuch, Milliseconds{20'000}));
  CO_TRY_VOID(co_await scene.end(key, id));
  const std::string seen = std::to_string(answer.size()) + " bytes came";
  if (side == Side::kControl) co_return Finding{answer.contains("\"stdout_bytes\":1000"), seen};
  co_return Finding{answer.size() >= kTooMuch, seen};
}

/// Forty commands of 50 KB of words each, and then the list of commands.
Task<Finding> long_words(Scene& scene, Side side) {
  const std::string& key = scene.stage().attacker_key;
  CO_TRY(const std::string id, co_await scene.make(key));
  const std::string at = "/v1/sandboxes/" + id;
  std::string body = R"({"argv": ["true")";
  for (int i = 0; i < 2; ++i) body += ", \"" + std::string(side == Side::kAttack ? 25'000 : 100, 'x') + "\"";
  for (int i = 0; i < 40; ++i)
    CO_TRY_VOID(co_await scene.must(key, {.method = "POST", .target = at + "/exec", .body = body + "]}"}));
  const auto listed = co_await scene.ask(key, {.target = at + "/processes"});
  CO_TRY_VOID(co_await scene.end(key, id));
  if (!listed) co_return Finding{side == Side::kAttack, listed.error().message()};
  const std::string seen = std::to_string(listed->body.size()) + " bytes are listed";
  constexpr std::size_t kTooMuch = std::size_t{3} << 19;
  co_return Finding{
      side == Side::kControl ? listed->body.contains(std::string(100, 'x')) : listed->body.size() > kTooMuch, seen};
}

}  // namespace

void add_flood_probes(std::vector<Probe>& probes) {
  for (const Excess& one : kExcesses) {
    probes.push_back({.name = std::string(one.name),
                      .group = Group::kFloods,
                      .attack = std::string(one.attack),
                      .refusal = std::string(one.refusal),
                      .run = [&one](Scene& scene, Side side) { return exceed(scene, side, one); }});
  }
  probes.push_back({.name = "912_giant_frame",
                    .group = Group::kFloods,
                    .attack = "announce a WebSocket frame of 2^63 bytes",
                    .refusal = "64 KiB a message",
                    .run = giant_frame});
  probes.push_back({.name = "913_huge_answer",
                    .group = Group::kFloods,
                    .attack = "have 64 MB of zeros answered at once",
                    .refusal = "an answer holds 4 MiB of each stream; the rest is read by offset",
                    .run = huge_answer});
  probes.push_back({.name = "914_long_words",
                    .group = Group::kFloods,
                    .attack = "have the daemon remember megabytes of words",
                    .refusal = "of commands that ended 1 MiB is kept",
                    .run = long_words});
  for (const Crowd& one : kCrowds) {
    probes.push_back(
        {.name = std::string(one.name),
         .group = Group::kFloods,
         .attack = std::string(one.attack),
         .refusal =
             "a quiet connection costs a descriptor and a few KB, and is closed; a key has a share of what is counted",
         .run = [&one](Scene& scene, Side side) { return crowd(scene, side, one); }});
  }
}

}  // namespace brig::attack::api
