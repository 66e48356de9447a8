/// Templates as E2B's clients list them. They are made with Brig's own means; what else those clients know (volumes,
/// secrets, builds) is refused in words.
#include <boost/json/value.hpp>

#include "api/e2b/control.h"
#include "api/e2b/errors.h"
#include "base/text.h"
#include "image/own_name.h"
#include "json/json.h"
#include "policy/processors.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;

constexpr std::string_view kNoBuilds =
    "templates are built with \"brig template build NAME -f Dockerfile\", not by E2B's clients";
constexpr std::string_view kNoVolumes = "volumes are not supported";
constexpr std::string_view kNoSecrets = "secrets are not supported";

/// What tells one make of it from another.
std::string build_of(const image::Manifest& manifest) {
  return manifest.digest.empty() ? manifest.name : manifest.digest;
}

bj::object template_json(const image::Manifest& manifest, const policy::Policy& defaults) {
  const auto with = image::apply_defaults(defaults, manifest.defaults);
  const policy::Limits& limits = with ? with->limits : defaults.limits;
  const std::string made = format(wall_time(manifest.created_s * 1000));
  return {{"templateID", manifest.name},
          {"buildID", build_of(manifest)},
          {"names", bj::array{manifest.name}},
          {"aliases", bj::array{manifest.name}},
          {"tags", bj::array{"default"}},
          {"public", image::is_everybodys(manifest)},
          {"cpuCount", policy::processors_of(limits)},
          {"memoryMB", limits.memory.count >> 20},
          {"diskSizeMB", limits.disk.count >> 20},
          {"envdVersion", kEnvdVersion},
          {"createdAt", made},
          {"updatedAt", made},
          {"lastSpawnedAt", nullptr},
          {"spawnCount", 0},
          {"buildCount", 1},
          {"buildStatus", "ready"}};
}

image::Manifest host_manifest() {
  image::Manifest manifest;
  manifest.name = image::kHostName;
  return manifest;
}

}  // namespace

void Control::add_template_routes(http::Router& router) {
  const auto add = [&](std::string_view what, std::string_view name, Task<> (Control::*handler)(http::Exchange&)) {
    router.add(what, name, [this, handler](http::Exchange& e) { return (this->*handler)(e); });
  };
  add("GET /templates", "e2b_templates", &Control::list_templates);
  add("GET /v2/templates", "e2b_templates_v2", &Control::list_templates);
  add("GET /templates/{id}", "e2b_template", &Control::get_template);
  add("GET /templates/aliases/{id}", "e2b_alias", &Control::find_alias);
  add("GET /templates/{id}/tags", "e2b_tags", &Control::list_tags);
  add("DELETE /templates/{id}", "e2b_template_delete", &Control::remove_template);
  const auto no = [&](std::string_view what, std::string_view name, std::string_view why) {
    router.add(what, name, [this, why](http::Exchange& e) { return refuse(e, why); });
  };
  no("POST /templates", "e2b_build_v1", kNoBuilds);
  no("POST /v2/templates", "e2b_build_v2", kNoBuilds);
  no("POST /v3/templates", "e2b_build", kNoBuilds);
  no("POST /templates/tags", "e2b_tags_add", "a template here is of one make; there are no tags to give");
  no("DELETE /templates/tags", "e2b_tags_remove", "a template here is of one make; there are no tags to take");
  no("POST /volumes", "e2b_volume_create", kNoVolumes);
  no("POST /secrets", "e2b_secret_create", kNoSecrets);
  const auto none = [&](std::string_view what, std::string_view name) {
    router.add(what, name, [](http::Exchange& e) { return e.send_json(200, "[]\n"); });
  };
  none("GET /volumes", "e2b_volumes");
  none("GET /secrets", "e2b_secrets");
  const auto missing = [&](std::string_view what, std::string_view name, std::string_view thing) {
    router.add(what, name, [this, thing](http::Exchange& e) { return not_there(e, thing); });
  };
  missing("GET /volumes/{id}", "e2b_volume", "volume");
  missing("DELETE /volumes/{id}", "e2b_volume_delete", "volume");
  missing("GET /secrets/{id}", "e2b_secret", "secret");
  missing("POST /secrets/{id}", "e2b_secret_update", "secret");
  missing("DELETE /secrets/{id}", "e2b_secret_delete", "secret");
  missing("GET /templates/{id}/builds/{build}/status", "e2b_build_status", "build");
}

Result<image::Manifest> Control::manifest_of(const ChosenTemplate& chosen) const {
  if (chosen.name == image::kHostName) return host_manifest();
  return TRY(templates_->find(chosen.name)).manifest;
}

Task<> Control::list_templates(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  const policy::Policy& defaults = sandboxes_.options().defaults;
  bj::array items{template_json(host_manifest(), defaults)};
  if (templates_) {
    CO_TRY(const std::vector<image::Listed> known, templates_->list());
    for (const image::Listed& one : known)
      if (one.trouble.empty() && image::may_see(one.manifest, caller.key.id))
        items.push_back(template_json(one.manifest, defaults));
  }
  co_return co_await exchange.send_json(200, json::write(items) + "\n");
}

Task<> Control::get_template(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY(const ChosenTemplate chosen, find_template(templates_, caller.key, exchange.parameter("id")));
  CO_TRY(const image::Manifest manifest, manifest_of(chosen));
  bj::object object = template_json(manifest, sandboxes_.options().defaults);
  object["builds"] = bj::array();
  co_return co_await exchange.send_json(200, json::write(object) + "\n");
}

Task<> Control::find_alias(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY(const ChosenTemplate chosen, find_template(templates_, caller.key, exchange.parameter("id")));
  CO_TRY(const image::Manifest manifest, manifest_of(chosen));
  const bj::object alias{{"templateID", chosen.name}, {"public", image::is_everybodys(manifest)}};
  co_return co_await exchange.send_json(200, json::write(alias) + "\n");
}

Task<> Control::list_tags(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY(const ChosenTemplate chosen, find_template(templates_, caller.key, exchange.parameter("id")));
  CO_TRY(const image::Manifest manifest, manifest_of(chosen));
  const bj::array tags{bj::object{{"tag", "default"},
                                  {"buildID", build_of(manifest)},
                                  {"createdAt", format(wall_time(manifest.created_s * 1000))}}};
  co_return co_await exchange.send_json(200, json::write(tags) + "\n");
}

/// A snapshot is a template for E2B's clients, and goes this way.
Task<> Control::remove_template(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  const std::string_view id = exchange.parameter("id");
  CO_TRY(const auto snapshot, find_snapshot(caller.key, id));
  if (snapshot) {
    CO_TRY_VOID(snapshots_.remove(caller.key, snapshot->id));
    co_return co_await exchange.send(204, {}, {});
  }
  CO_TRY(const ChosenTemplate chosen, find_template(templates_, caller.key, id));
  CO_TRY(const image::Manifest manifest, manifest_of(chosen));
  const bool is_own = manifest.owner == caller.key.id;
  co_return Error(Code::kDenied, "the template " + manifest.name + " is removed with " +
                                     (is_own ? "DELETE /v1/templates/" + manifest.name
                                             : "\"brig template rm\" by whoever owns the daemon's machine"));
}

Task<> Control::refuse(http::Exchange& exchange, std::string_view why) {
  CO_TRY_VOID(caller(exchange));
  co_return Error(Code::kUnsupported, std::string(why));
}

Task<> Control::not_there(http::Exchange& exchange, std::string_view what) {
  CO_TRY_VOID(caller(exchange));
  co_return Error(Code::kNotFound,
                  "there is no " + std::string(what) + " " + printable(exchange.parameter("id"), 64) + " here");
}

}  // namespace brig::api::e2b
