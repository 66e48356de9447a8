/// Snapshots and forks: both carry files only. A snapshot's id is "{id}:default", or "brig/{name}:default" if it has a
/// name: then it is the newest of that name.
#include <algorithm>

#include <boost/json/value.hpp>

#include "api/common/body.h"
#include "api/e2b/control.h"
#include "api/e2b/errors.h"
#include "base/number.h"
#include "json/json.h"
#include "store/ids.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;

constexpr std::string_view kTeam = "brig/";
constexpr std::string_view kTag = ":default";
constexpr std::size_t kNameMost = 128;

std::string id_of(const store::Snapshot& snapshot) {
  return (snapshot.name.empty() ? snapshot.id : std::string(kTeam) + snapshot.name) + std::string(kTag);
}

bj::object snapshot_json(const store::Snapshot& snapshot) {
  bj::array names;
  if (!snapshot.name.empty()) names.emplace_back(std::string(kTeam) + snapshot.name);
  return {{"snapshotID", id_of(snapshot)}, {"names", std::move(names)}};
}

/// "brig/name:default", "name:default", "name" and the same with an id: the name or the id.
std::string_view bare(std::string_view id) {
  if (id.ends_with(kTag)) id.remove_suffix(kTag.size());
  if (id.starts_with(kTeam)) id.remove_prefix(kTeam.size());
  return id;
}

Result<> check_name(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  if (!name.empty() && name.size() <= kNameMost && name.find_first_not_of(kLetters) == std::string_view::npos &&
      !store::is_id(name))
    return {};
  return Error(Code::kInvalidArgument,
               "$.name: small letters, digits, \"-\", \"_\" and \".\" are expected, and no tag but \"default\"");
}

bj::object error_item(int status, std::string_view why) {
  return {{"error", bj::object{{"code", status}, {"message", why}}}};
}

std::size_t next_batch(std::size_t left) { return std::min(left, sandboxes::kChildrenMost); }

}  // namespace

void Control::add_snapshot_routes(http::Router& router) {
  router.add("POST /sandboxes/{id}/fork", "e2b_fork", [this](http::Exchange& e) { return fork(e); });
  router.add("POST /sandboxes/{id}/snapshots", "e2b_snapshot", [this](http::Exchange& e) { return take_snapshot(e); });
  router.add("GET /snapshots", "e2b_snapshots", [this](http::Exchange& e) { return list_snapshots(e); });
}

Result<std::optional<store::Snapshot>> Control::find_snapshot(const store::Key& key, std::string_view id) const {
  const std::string_view wanted = bare(id);
  // A template of the same name is not hidden by a snapshot.
  if (!id.starts_with(kTeam) && !store::is_id(wanted)) return std::optional<store::Snapshot>();
  const auto all = TRY(store_.snapshots().list({.key_id = key.id, .sandbox_id = {}}, store::kLargestPage));
  for (const store::Snapshot& snapshot : all.items) {  // a key has few; the newest first
    if (snapshot.id == wanted || (!snapshot.name.empty() && snapshot.name == wanted)) return std::optional(snapshot);
  }
  return std::optional<store::Snapshot>();
}

/// One entry for each that was asked for: a sandbox, or why there is none.
Task<> Control::fork(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  const auto use = found.sandbox->use();
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const ForkBody wanted, read_fork(body));
  CO_TRY_VOID(sandboxes::expect_ttl(sandboxes_.options(), wanted.timeout).context("$.timeout"));
  if (found.sandbox->life().state() == sandboxes::State::kPaused)
    co_return Error(Code::kConflict, "Sandbox " + found.sandbox->spec().id + " is paused");
  Life life = lives_.of(*found.sandbox);
  life.timeout = wanted.timeout;
  life.samples.clear();
  bj::array items;
  for (std::size_t left = wanted.count; left > 0;) {
    const std::size_t count = next_batch(left);
    left -= count;
    auto forked =
        co_await snapshots_.fork(found.caller.key, found.sandbox, {.count = count, .metadata = {}, .tree_id = {}});
    if (!forked && items.empty()) co_return std::move(forked).error();
    std::size_t missing = forked ? forked->errors.size() : count;
    if (forked) {
      for (const sandboxes::Created& child : forked->children) {
        lives_.begin(child.sandbox, life);
        if (const auto timed = co_await lives_.set_timeout(child.sandbox, wanted.timeout, false); !timed) {
          // Nobody will learn its id. The others' are told all the same.
          (void)co_await sandboxes_.kill(child.sandbox, "its time could not be set: " + timed.error().message());
          items.push_back(error_item(500, timed.error().message()));
          continue;
        }
        items.push_back(bj::object{{"sandbox", access_json(exchange, *child.sandbox)}});
      }
    }
    for (; missing > 0; --missing) {
      const std::string why = forked ? forked->errors[missing - 1] : forked.error().message();
      items.push_back(error_item(429, why));
    }
  }
  co_return co_await exchange.send_json(201, json::write(items) + "\n");
}

/// One of a name takes the place of the one that had it.
Task<> Control::take_snapshot(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  const auto use = found.sandbox->use();
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const std::string asked, read_snapshot(body));
  const std::string name(bare(asked));
  if (!asked.empty()) CO_TRY_VOID(check_name(name));
  CO_TRY(const store::Snapshot snapshot, co_await snapshots_.take(found.sandbox, name));
  if (!name.empty()) {
    CO_TRY(const auto all,
           store_.snapshots().list({.key_id = found.caller.key.id, .sandbox_id = {}}, store::kLargestPage));
    for (const store::Snapshot& old : all.items) {
      if (old.name == name && old.id != snapshot.id) CO_TRY_VOID(snapshots_.remove(found.caller.key, old.id));
    }
  }
  co_return co_await exchange.send_json(201, json::write(snapshot_json(snapshot)) + "\n");
}

Task<> Control::list_snapshots(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  std::size_t limit = kPageMost;
  if (const std::string* text = exchange.target().find("limit")) {
    const auto number = whole_number<std::uint32_t>(*text);
    if (!number || *number < 1 || *number > kPageMost)
      co_return Error(Code::kInvalidArgument, "limit: a number from 1 to 100 is expected");
    limit = *number;
  }
  store::SnapshotFilter filter{.key_id = caller.key.id, .sandbox_id = {}};
  if (const std::string* sandbox = exchange.target().find("sandboxID"); sandbox != nullptr && !sandbox->empty())
    filter.sandbox_id = *sandbox;
  const std::string* token = exchange.target().find("nextToken");
  const std::string* name = exchange.target().find("name");
  bj::array items;
  if (name != nullptr && !name->empty()) {
    const bool is_bare = !name->starts_with(kTeam) && !store::is_id(bare(*name));
    CO_TRY(const auto one, find_snapshot(caller.key, (is_bare ? std::string(kTeam) : "") + *name));
    if (one && (!filter.sandbox_id || one->sandbox_id == *filter.sandbox_id)) items.push_back(snapshot_json(*one));
    co_return co_await exchange.send_json(200, json::write(items) + "\n");
  }
  CO_TRY(const auto page, store_.snapshots().list(filter, limit, token != nullptr ? *token : std::string()));
  for (const store::Snapshot& snapshot : page.items) items.push_back(snapshot_json(snapshot));
  if (page.next) exchange.add_header("X-Next-Token", *page.next);
  co_return co_await exchange.send_json(200, json::write(items) + "\n");
}

}  // namespace brig::api::e2b
