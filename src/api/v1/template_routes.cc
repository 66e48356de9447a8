/// Templates: what sandboxes find in their root, as far as a key may see them. Those that another key had made are not
/// there for it. Made and removed in build_routes.cc.
#include <algorithm>
#include <array>

#include <boost/json/value.hpp>

#include "api/v1/api.h"
#include "api/v1/render.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "image/own_name.h"
#include "image/prompt.h"
#include "json/json.h"
#include "policy/schema.h"
#include "service/kernel.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

/// What a sandbox of it gets that asks for nothing.
void add_limits(bj::object& object, const policy::Limits& limits) {
  object["cpu"] = static_cast<double>(limits.cpu_millis) / 1000;
  object["memory_mb"] = limits.memory.count >> 20;
}

bj::array preload_of(const std::optional<std::vector<std::string>>& own) {
  const std::vector<std::string> modules = own.value_or(service::usual_modules());
  return bj::array(modules.begin(), modules.end());
}

/// `rootfs_path` is PandaStack's: where an image lies is nobody's business here.
bj::object host_template(const policy::Policy& defaults) {
  bj::object object{{"name", image::kHostName}, {"digest", nullptr},
                    {"rootfs_path", ""},        {"size_bytes", 0},
                    {"is_global", true},        {"description", "the programs of the daemon's own machine, read-only"},
                    {"created_at", nullptr},    {"working_folder", "/workspace"},
                    {"languages", bj::array()}, {"preload", preload_of({})},
                    {"usable", true},           {"why_not", nullptr}};
  for (const std::string& language : image::host_offers().languages)
    object["languages"].as_array().emplace_back(language);
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
      {"is_global", image::is_everybodys(manifest)},
      {"description", manifest.description.empty() ? std::string(kind_in_words(manifest.provenance.kind))
                                                   : printable(manifest.description, image::kDescriptionMost)},
      {"created_at", nullptr},
      {"working_folder", manifest.defaults.working_folder.empty() ? "/workspace" : manifest.defaults.working_folder},
      {"languages", bj::array()},
      {"preload", preload_of(manifest.defaults.preload)},
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

}  // namespace

void Api::add_template_routes(http::Router& router) {
  router.add("GET /v1/templates", "template_list", [this](http::Exchange& e) { return list_templates(e); });
  router.add("GET /v1/templates/{name}", "template_get", [this](http::Exchange& e) { return get_template(e); });
  router.add("GET /v1/templates/{name}/prompt", "template_prompt",
             [this](http::Exchange& e) { return template_prompt(e); });
}

Task<> Api::list_templates(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  const policy::Policy& defaults = sandboxes_.options().defaults;
  CO_TRY(const std::vector<image::Listed> known, creation_.known_templates(caller.key));
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
  if (name == image::kHostName) {
    object = host_template(defaults);
  } else {
    CO_TRY(const std::vector<image::Listed> known, creation_.known_templates(caller.key));
    const auto found = std::ranges::find(known, name, [](const image::Listed& one) { return one.manifest.name; });
    if (found == known.end()) co_return no_template(name);
    object = image_template(*found, defaults);
  }
  object["allowed"] = may_use(caller.key, name);
  co_return co_await exchange.send_json(200, text_of(object));
}

/// Of a sandbox that asks for nothing else: whoever gives limits of their own says so to the model themselves.
Task<> Api::template_prompt(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY(std::string text, creation_.prompt_of(caller.key, exchange.parameter("name"), {}));
  co_return co_await exchange.send(200, {{"Content-Type", "text/markdown; charset=utf-8"}}, std::move(text));
}

}  // namespace brig::api::v1
