/// What belongs to a key and is no sandbox: lists, cursors, events, answers kept for repeated requests, snapshots as
/// sources.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "async/timer.h"
#include "attack/api/scene.h"
#include "base/text.h"
#include "json/json.h"

namespace brig::attack::api {
namespace {

namespace bj = boost::json;

std::string shown(const Answer& answer) { return std::to_string(answer.status) + " " + printable(answer.body); }

/// `target`, asked for with the side's key, tells of the victim's sandbox.
Task<Finding> look_in(Scene& scene, Side side, std::string target) {
  CO_TRY(const Answer answer, co_await scene.ask(scene.key_of(side), {.target = std::move(target)}));
  co_return Finding{answer.body.contains(scene.victim()) || answer.body.contains(scene.fill("{second}")),
                    shown(answer)};
}

Probe list_probe(std::string name, std::string attack, std::string target) {
  return {.name = std::move(name),
          .group = Group::kRecords,
          .attack = std::move(attack),
          .refusal = "a list is of the caller's key",
          .run = [target](Scene& scene, Side side) { return look_in(scene, side, target); }};
}

Task<Finding> borrow_cursor(Scene& scene, Side side) {
  CO_TRY(const bj::value page, co_await scene.must(scene.key_of(Side::kControl), {.target = "/v1/sandboxes?limit=1"}));
  const bj::value* cursor = page.as_object().if_contains("next_cursor");
  if (cursor == nullptr || !cursor->is_string()) co_return Finding{false, "there is no cursor to borrow"};
  co_return co_await look_in(scene, side, "/v1/sandboxes?limit=1&cursor=" + std::string(cursor->as_string()));
}

/// Reads events until one tells of the victim's sandbox, or of one of the reader's own that is younger, or nothing
/// comes.
Task<Finding> read_events(Scene& scene, Side side, std::string target, std::string last_id) {
  http::Client client(co_await asio::this_coro::executor, *http::parse_server_url(scene.stage().url));
  http::Request request{.method = "GET",
                        .target = scene.fill(target),
                        .headers = {{"Authorization", "Bearer " + scene.key_of(side)}},
                        .body = {},
                        .source = {},
                        .length = {}};
  if (!last_id.empty()) request.headers.add("Last-Event-ID", last_id);
  CO_TRY(const auto response, co_await client.send(std::move(request)));
  if (response->status() >= 400) {
    CO_TRY(const std::string body, co_await response->read_body());
    co_return Finding{false, std::to_string(response->status()) + " " + printable(body)};
  }
  constexpr Milliseconds kQuiet{500};
  while (true) {
    auto event = co_await with_timeout(kQuiet, response->read_event(), "an event");
    if (!event || !*event) co_return Finding{false, "no event came"};
    if ((*event)->data.contains(scene.victim())) co_return Finding{true, printable((*event)->data)};
    if ((*event)->data.contains(scene.attacker())) co_return Finding{false, "its own events came, and no other"};
  }
}

Probe event_probe(std::string name, std::string attack, std::string target) {
  return {.name = std::move(name),
          .group = Group::kRecords,
          .attack = std::move(attack),
          .refusal = "events are of the caller's key",
          .run = [target](Scene& scene, Side side) { return read_events(scene, side, target, {}); }};
}

/// The id of the victim's first event, which says where to go on.
Task<Finding> borrow_event_id(Scene& scene, Side side) {
  http::Client client(co_await asio::this_coro::executor, *http::parse_server_url(scene.stage().url));
  CO_TRY(const auto response,
         co_await client.send({.method = "GET",
                               .target = "/v1/events?from=oldest",
                               .headers = {{"Authorization", "Bearer " + scene.key_of(Side::kControl)}},
                               .body = {},
                               .source = {},
                               .length = {}}));
  CO_TRY(const auto event, co_await with_timeout(Milliseconds{10'000}, response->read_event(), "an event"));
  if (!event || event->id.empty()) co_return Finding{false, "there is no event whose id could be borrowed"};
  // From there on the victim's next event is of the same sandbox, for the victim.
  CO_TRY_VOID(co_await scene.must(
      scene.key_of(Side::kControl),
      {.method = "PATCH", .target = "/v1/sandboxes/{victim}/lifecycle", .body = R"({"ttl_seconds": 2000})"}));
  CO_TRY(const Answer answer,
         co_await scene.ask(scene.key_of(side),
                            {.target = "/v1/events", .headers = {{"Last-Event-ID", event->id}}, .is_stream = true}));
  co_return Finding{answer.status < 400, shown(answer)};
}

Task<Finding> repeat_a_request(Scene& scene, Side side) {
  const Ask create{.method = "POST",
                   .target = "/v1/sandboxes",
                   .body = R"({"metadata": {"of": "once"}})",
                   .headers = {{"Idempotency-Key", side == Side::kAttack ? "attacked" : "repeated"}}};
  CO_TRY(const bj::value first, co_await scene.must(scene.key_of(Side::kControl), create));
  CO_TRY(const bj::value second, co_await scene.must(scene.key_of(side), create));
  const std::string a(first.at("id").as_string());
  const std::string b(second.at("id").as_string());
  CO_TRY_VOID(co_await scene.end(scene.key_of(Side::kControl), a));
  CO_TRY_VOID(co_await scene.end(scene.key_of(side), b));
  co_return Finding{a == b, a == b ? "the answer to another's request was replayed" : "a sandbox of its own was made"};
}

Task<Finding> start_from_snapshot(Scene& scene, Side side) {
  CO_TRY(const Answer answer, co_await scene.ask(scene.key_of(side), {.method = "POST",
                                                                      .target = "/v1/sandboxes",
                                                                      .body = R"({"from_snapshot": "{snapshot}"})"}));
  if (answer.status != 201) co_return Finding{false, shown(answer)};
  CO_TRY(const bj::value made, json::parse(answer.body));
  CO_TRY_VOID(co_await scene.end(scene.key_of(side), std::string(made.at("id").as_string())));
  co_return Finding{true, shown(answer)};
}

/// Ends the children of the victim's fork tree by promoting a sandbox of one's own "of that tree".
Task<Finding> promote_into_a_tree(Scene& scene, Side side) {
  const std::string& owner = scene.key_of(Side::kControl);
  CO_TRY(const bj::value tree,
         co_await scene.must(
             owner, {.method = "POST", .target = "/v1/sandboxes/{victim}/fork-tree", .body = R"({"count": 2})"}));
  const std::string tree_id(tree.at("tree_id").as_string());
  std::vector<std::string> children;
  for (const bj::value& child : tree.at("children").as_array()) children.emplace_back(child.at("id").as_string());
  const std::string promoted = side == Side::kControl ? children.front() : scene.attacker();
  CO_TRY(const Answer answer,
         co_await scene.ask(scene.key_of(side),
                            {.method = "POST",
                             .target = "/v1/sandboxes/" + promoted + "/promote",
                             .body = R"({"cleanup_siblings": true, "tree_id": ")" + tree_id + R"("})"}));
  CO_TRY(const Answer sibling, co_await scene.ask(owner, {.target = "/v1/sandboxes/" + children.back()}));
  for (const std::string& child : children) CO_TRY_VOID(co_await scene.end(owner, child));
  co_return Finding{!sibling.body.contains("\"running\""), shown(answer)};
}

}  // namespace

void add_record_probes(std::vector<Probe>& probes) {
  probes.push_back(
      list_probe("101_list", "find another's sandboxes in the list", "/v1/sandboxes?state=all&limit=1000"));
  probes.push_back(
      list_probe("102_list_by_metadata", "find them by their metadata", "/v1/sandboxes?metadata.of=victim"));
  probes.push_back(
      list_probe("103_list_of_snapshots", "find another's snapshots", "/v1/snapshots?sandbox_id={victim}"));
  probes.push_back({.name = "104_cursor",
                    .group = Group::kRecords,
                    .attack = "go on in another's list with its cursor",
                    .refusal = "a cursor is a place, and the list is of the caller's key",
                    .run = borrow_cursor});
  probes.push_back(event_probe("105_events", "read another's events", "/v1/events?from=oldest"));
  probes.push_back(event_probe("106_events_of_a_sandbox", "read the events of another's sandbox",
                               "/v1/events?from=oldest&sandbox={victim}"));
  probes.push_back({.name = "107_event_id",
                    .group = Group::kRecords,
                    .attack = "go on after another's event",
                    .refusal = "an event's id is signed for one key",
                    .run = borrow_event_id});
  probes.push_back({.name = "108_idempotency_key",
                    .group = Group::kRecords,
                    .attack = "have the answer to another's request repeated",
                    .refusal = "answers are kept by key",
                    .run = repeat_a_request});
  probes.push_back({.name = "109_from_snapshot",
                    .group = Group::kRecords,
                    .attack = "begin with another's files",
                    .refusal = "another key's snapshot is not there",
                    .run = start_from_snapshot});
  probes.push_back({.name = "110_promote_into_a_tree",
                    .group = Group::kRecords,
                    .attack = "end another's fork tree by promoting an own sandbox into it",
                    .refusal = "a sandbox is of the tree it was made in",
                    .run = promote_into_a_tree});
}

}  // namespace brig::attack::api
