/// Templates: what sandboxes find in their root. Read here; made, imported and removed by whoever owns the machine,
/// with `brig template`: the kernel mounts their images, so who could publish one over the API would decide what runs
/// there.
#include <algorithm>

#include <boost/json/value.hpp>

#include "api/v1/api.h"
#include "api/v1/render.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "image/prompt.h"
#include "json/json.h"
#include "policy/schema.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

constexpr std::string_view kHost = "host";

/// What a sandbox of it gets that asks for nothing.
void add_limits(bj::object& object, const policy::Limits& limits) {
  object["cpu"] = static_cast<double>(limits.cpu_millis) / 1000;
  object["memory_mb"] = limits.memory.count >> 20;
}

/// `rootfs_path` is PandaStack's: where an image lies is nobody's business here.
bj::object host_template(const policy::Policy& defaults) {
  bj::object object{{"name", kHost},
                    {"digest", nullptr},
                    {"rootfs_path", ""},
                    {"size_bytes", 0},
                    {"is_global", true},
                    {"description", "the programs of the daemon's own machine, read-only"},
                    {"created_at", nullptr},
                    {"working_folder", "/workspace"},
                    {"languages", bj::array()},
                    {"usable", true},
                    {"why_not", nullptr}};
  add_limits(object, defaults.limits);
  return object;
}

std::string_view kind_in_words(std::string_view kind) {
  if (kind == "debian") return "from Debian packages";
  if (kind == "dockerfile") return "from a Dockerfile";
  if (kind == "oci" || kind == "docker-archive") return "from a container image";
  return "from files";
}

bj::object image_template(const image::Listed& listed, const policy::Policy& defaults) {
  const image::Manifest& manifest = listed.manifest;
  bj::object object{
      {"name", manifest.name},
      {"digest", manifest.digest.empty() ? bj::value() : bj::value(manifest.digest)},
      {"rootfs_path", ""},
      {"size_bytes", manifest.size.count},
      {"is_global", true},
      {"description", manifest.description.empty() ? std::string(kind_in_words(manifest.provenance.kind))
                                                   : printable(manifest.description, image::kDescriptionMost)},
      {"created_at", nullptr},
      {"working_folder", manifest.defaults.working_folder.empty() ? "/workspace" : manifest.defaults.working_folder},
      {"languages", bj::array()},
      {"usable", listed.trouble.empty()},
      {"why_not", nullptr}};
  // The trouble itself has paths of the host in it.
  if (!listed.trouble.empty())
    object["why_not"] = "it cannot be used (brig template ls on the daemon's machine says why)";
  if (manifest.created_s > 0) object["created_at"] = format(wall_time(manifest.created_s * 1000));
  for (const image::Language& language : manifest.defaults.languages)
    object["languages"].as_array().emplace_back(language.name);
  const auto with = image::apply_defaults(defaults, manifest.defaults);
  add_limits(object, with ? with->limits : defaults.limits);
  return object;
}

bool may_use(const store::Key& key, std::string_view name) {
  return key.templates.empty() || std::ranges::find(key.templates, name) != key.templates.end();
}

Error no_template(std::string_view name) {
  return {Code::kNotFound, "there is no template \"" + printable(name, 64) + "\" here (GET /v1/templates lists them)"};
}

}  // namespace

void Api::add_template_routes(http::Router& router) {
  router.add("GET /v1/templates", "template_list", [this](http::Exchange& e) { return list_templates(e); });
  router.add("GET /v1/templates/{name}", "template_get", [this](http::Exchange& e) { return get_template(e); });
  router.add("GET /v1/templates/{name}/prompt", "template_prompt",
             [this](http::Exchange& e) { return template_prompt(e); });
  router.add("DELETE /v1/templates/{name}", "template_delete",
             [this](http::Exchange& e) { return delete_template(e); });
  router.add("POST /v1/templates/build", "template_build", [this](http::Exchange& e) { return build_template(e); });
}

Result<std::vector<image::Listed>> Api::known_templates() const {
  if (!templates_) return std::vector<image::Listed>();
  return templates_->list();
}

Task<> Api::list_templates(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  const policy::Policy& defaults = sandboxes_.options().defaults;
  CO_TRY(const std::vector<image::Listed> known, known_templates());
  bj::array items{host_template(defaults)};
  for (const image::Listed& one : known) items.push_back(image_template(one, defaults));
  for (bj::value& item : items) item.as_object()["allowed"] = may_use(caller.key, item.at("name").as_string());
  if (caller.dialect == Dialect::kPandaStack) co_return co_await exchange.send_json(200, json::write(items) + "\n");
  co_return co_await exchange.send_json(200, text_of({{"items", items}}));
}

Task<> Api::get_template(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  const std::string_view name = exchange.parameter("name");
  const policy::Policy& defaults = sandboxes_.options().defaults;
  bj::object object;
  if (name == kHost) {
    object = host_template(defaults);
  } else {
    CO_TRY(const std::vector<image::Listed> known, known_templates());
    const auto found = std::ranges::find(known, name, [](const image::Listed& one) { return one.manifest.name; });
    if (found == known.end()) co_return no_template(name);
    object = image_template(*found, defaults);
  }
  object["allowed"] = may_use(caller.key, name);
  co_return co_await exchange.send_json(200, text_of(object));
}

/// Of a sandbox that asks for nothing else: whoever gives limits of their own says so to the model themselves.
Task<> Api::template_prompt(http::Exchange& exchange) {
  CO_TRY_VOID(caller(exchange));
  const std::string_view name = exchange.parameter("name");
  policy::Policy policy = sandboxes_.options().defaults;
  image::Offers offers;
  if (name == kHost) {
    offers = image::host_offers();
  } else {
    CO_TRY(const std::vector<image::Listed> known, known_templates());
    const auto found = std::ranges::find(known, name, [](const image::Listed& one) { return one.manifest.name; });
    if (found == known.end()) co_return no_template(name);
    CO_TRY(policy, image::apply_defaults(std::move(policy), found->manifest.defaults));
    offers = image::offers_of(found->manifest);
  }
  co_return co_await exchange.send(200, {{"Content-Type", "text/markdown; charset=utf-8"}},
                                   image::prompt(policy, offers));
}

Task<> Api::delete_template(http::Exchange& exchange) {
  CO_TRY_VOID(caller(exchange));
  const std::string_view name = exchange.parameter("name");
  if (name == kHost)
    co_return Error(Code::kDenied, "the template \"host\" is this machine itself and cannot be deleted");
  CO_TRY(const std::vector<image::Listed> known, known_templates());
  if (std::ranges::none_of(known, [&](const image::Listed& one) { return one.manifest.name == name; }))
    co_return no_template(name);
  co_return Error(Code::kDenied, "templates belong to whoever owns the daemon's machine: brig template rm " +
                                     printable(name, 64) + " there removes it");
}

Task<> Api::build_template(http::Exchange& exchange) {
  CO_TRY_VOID(caller(exchange));
  co_return Error(Code::kUnsupported,
                  "templates are made where the daemon runs: brig template build NAME -f Dockerfile, or brig template "
                  "import FILE");
}

Result<Api::Prepared> Api::prepare_template(const std::string& name, Dialect dialect) const {
  Prepared prepared{.name = name, .defaults = {}};
  if (name == kHost) return prepared;
  auto found = templates_ ? templates_->find(name) : Result<image::Template>(no_template(name));
  if (found) {
    prepared.defaults = found->manifest.defaults;
    return prepared;
  }
  // The default of PandaStack's clients, if there is nothing of that name.
  if (found.error().code() == Code::kNotFound && dialect == Dialect::kPandaStack && name == "ubuntu-24.04") {
    prepared.name = kHost;
    return prepared;
  }
  return std::move(found).error();
}

}  // namespace brig::api::v1
