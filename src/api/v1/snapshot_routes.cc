/// Snapshots, forks, and the promotion of one of them. All carry files only, and say so: `memory: false`.

#include <boost/json/value.hpp>

#include "api/v1/api.h"
#include "api/v1/read.h"
#include "api/v1/render.h"
#include "store/ids.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

constexpr std::size_t kPage = 1000;

bj::object snapshot_json(const store::Snapshot& snapshot) {
  return {{"id", snapshot.id},
          {"sandbox_id", snapshot.sandbox_id},
          {"template", snapshot.template_name},
          {"created_at", format(snapshot.created_at)},
          {"size_bytes", snapshot.size.count},
          {"memory", snapshot.has_memory}};
}

bj::object child_json(const sandboxes::Created& created) {
  bj::object object = to_json(*created.sandbox);
  object["boot_ms"] = created.duration.count();
  object["boot_mode"] = created.boot == sandboxes::Boot::kPool ? "pool" : "cold";
  return object;
}

bj::object forked_json(const sandboxes::Sandbox& parent, WallTime at) {
  // The state that the children began with is kept nowhere, so there is no snapshot to name.
  return {{"parent_id", parent.spec().id}, {"snapshot_id", nullptr}, {"at", format(at)}, {"memory", false}};
}

}  // namespace

void Api::add_snapshot_routes(http::Router& router) {
  const std::string at = "/v1/sandboxes/{id}/";
  router.add("POST " + at + "snapshots", "snapshot_create",
             [this](http::Exchange& e) { return awake(e, &Api::take_snapshot); });
  router.add("GET /v1/snapshots", "snapshot_list", [this](http::Exchange& e) { return list_snapshots(e); });
  router.add("GET /v1/snapshots/{snapshot}", "snapshot_get", [this](http::Exchange& e) { return get_snapshot(e); });
  router.add("DELETE /v1/snapshots/{snapshot}", "snapshot_delete",
             [this](http::Exchange& e) { return remove_snapshot(e); });
  router.add("POST " + at + "fork", "sandbox_fork", [this](http::Exchange& e) { return awake(e, &Api::fork); });
  router.add("POST " + at + "fork-tree", "sandbox_fork_tree",
             [this](http::Exchange& e) { return awake(e, &Api::fork_tree); });
  router.add("POST " + at + "promote", "sandbox_promote", [this](http::Exchange& e) { return promote(e); });
}

Task<> Api::take_snapshot(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const store::Snapshot snapshot, co_await snapshots_.take(found.sandbox));
  co_return co_await exchange.send(201,
                                   {{"Content-Type", "application/json"}, {"Location", "/v1/snapshots/" + snapshot.id}},
                                   text_of(snapshot_json(snapshot)));
}

Task<> Api::list_snapshots(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  store::SnapshotFilter filter{.key_id = caller.key.id, .sandbox_id = {}};
  if (const std::string* sandbox = exchange.target().find("sandbox_id")) filter.sandbox_id = *sandbox;
  CO_TRY(const auto page, store_.snapshots().list(filter, kPage));  // a key has fewer
  bj::array items;
  for (const store::Snapshot& snapshot : page.items) items.push_back(snapshot_json(snapshot));
  co_return co_await exchange.send_json(200, text_of({{"snapshots", std::move(items)}}));
}

Task<> Api::get_snapshot(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY(const store::Snapshot snapshot, snapshots_.find(caller.key, exchange.parameter("snapshot")));
  co_return co_await exchange.send_json(200, text_of(snapshot_json(snapshot)));
}

Task<> Api::remove_snapshot(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY_VOID(snapshots_.remove(caller.key, exchange.parameter("snapshot")));
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::fork(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(ForkBody wanted, read_fork(body, false));
  CO_TRY(const sandboxes::Forked forked,
         co_await snapshots_.fork(found.caller.key, found.sandbox,
                                  {.count = 1, .metadata = std::move(wanted.metadata), .tree_id = {}}));
  bj::object object = forked_json(*found.sandbox, clock_());
  const auto& child = forked.children.front();
  object["children"] = bj::array{child.sandbox->spec().id};
  object["sandbox"] = child_json(child);
  co_return co_await exchange.send_json(201, text_of(object));
}

Task<> Api::fork_tree(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(ForkBody wanted, read_fork(body, true));
  const std::string tree_id = store::make_id();
  CO_TRY(const sandboxes::Forked forked,
         co_await snapshots_.fork(found.caller.key, found.sandbox,
                                  {.count = wanted.count, .metadata = std::move(wanted.metadata), .tree_id = tree_id}));
  bj::object object = forked_json(*found.sandbox, clock_());
  object["tree_id"] = tree_id;
  bj::array children;
  for (const auto& child : forked.children) children.push_back(child_json(child));
  object["children"] = std::move(children);
  if (!forked.errors.empty()) object["errors"] = bj::array(forked.errors.begin(), forked.errors.end());
  co_return co_await exchange.send_json(201, text_of(object));
}

Task<> Api::promote(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const PromoteBody wanted, read_promote(body));
  const std::string& own = found.sandbox->spec().fork_tree_id;
  if (!wanted.tree_id.empty() && wanted.tree_id != own)
    co_return Error(Code::kConflict, "sandbox " + found.sandbox->spec().id + " is not of that fork tree");
  bj::array deleted;
  bj::object failures;
  if (wanted.is_cleaning && !own.empty()) {
    CO_TRY(const sandboxes::Promoted promoted, co_await snapshots_.promote(found.caller.key, found.sandbox, own));
    for (const std::string& id : promoted.deleted) deleted.emplace_back(id);
    for (const auto& [id, why] : promoted.failures) failures[id] = why;
  }
  co_return co_await exchange.send_json(200, text_of({{"winner", found.sandbox->spec().id},
                                                      {"tree_id", own.empty() ? bj::value() : bj::value(own)},
                                                      {"deleted", std::move(deleted)},
                                                      {"failures", std::move(failures)}}));
}

}  // namespace brig::api::v1
