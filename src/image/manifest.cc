#include "image/manifest.h"

#include <algorithm>
#include <array>
#include <span>

#include <boost/json/value.hpp>

#include "base/paths.h"
#include "base/text.h"
#include "image/digest.h"
#include "image/json_text.h"
#include "image/preload.h"
#include "json/json.h"
#include "json/reader.h"
#include "policy/schema.h"
#include "policy/validate.h"

namespace brig::image {
namespace {

using json::Reader;
using Object = boost::json::object;
using Array = boost::json::array;

constexpr std::size_t kNameMost = 63;
constexpr std::int64_t kTimeMost = 253'402'300'799;  // the end of the year 9999
constexpr std::array<std::string_view, 6> kKinds{"debian", "docker-archive", "dockerfile", "folder", "oci", "tar"};
constexpr std::array<std::string_view, 2> kFormats{"erofs", "squashfs"};

constexpr TextBounds kShort{.count = 64, .length = 4096};
constexpr TextBounds kPackages{.count = 10'000, .length = 400};

Object limits_json(const std::vector<LimitDefault>& limits) {
  Object object;
  for (const LimitDefault& limit : limits) object[limit.key] = limit.value;
  return object;
}

Result<Provenance> read_provenance(const Reader& reader) {
  static constexpr std::array<std::string_view, 4> kKeys{"kind", "source", "source_digest", "packages"};
  TRY(reader.only(kKeys));
  Provenance provenance;
  provenance.kind = TRY(TRY(reader.at("kind")).text());
  if (std::ranges::find(kKinds, provenance.kind) == kKinds.end()) return TRY(reader.at("kind")).error("unknown kind");
  provenance.source = TRY(bounded_text(TRY(reader.at("source")), 4096));
  const Reader digest = TRY(reader.at("source_digest"));
  provenance.source_digest = TRY(digest.text());
  if (!provenance.source_digest.empty() && !is_digest(provenance.source_digest)) return digest.error("not a digest");
  provenance.packages = TRY(text_list(TRY(reader.at("packages")), kPackages));
  return provenance;
}

template <class Item>
Result<std::vector<Item>> read_pairs(const Reader& reader, std::size_t most) {
  const auto entries = TRY(reader.entries());
  if (entries.size() > most) return reader.error("more than " + std::to_string(most) + " entries");
  std::vector<Item> items;
  for (const auto& [key, value] : entries) {
    items.push_back(Item{std::string(key), std::string(TRY(bounded_text(value, std::size_t{64} << 10)))});
  }
  return items;
}

constexpr std::array<std::string_view, 8> kOwnKeys{"version", "name",   "description", "owner",
                                                   "digest",  "format", "size",        "created_s"};
constexpr std::array<std::string_view, 5> kDraftKeys{"unpacked", "files", "provenance", "defaults", "notes"};
constexpr json::Limits kBounds{.max_bytes = kManifestBytesMost, .max_depth = 8};

Object draft_object(const Manifest& manifest) {
  const Object provenance{{"kind", manifest.provenance.kind},
                          {"source", manifest.provenance.source},
                          {"source_digest", manifest.provenance.source_digest},
                          {"packages", to_array(manifest.provenance.packages)}};
  return {{"unpacked", manifest.unpacked.count},
          {"files", manifest.files},
          {"provenance", provenance},
          {"defaults", defaults_json(manifest.defaults)},
          {"notes", to_array(manifest.notes)}};
}

Result<std::uint64_t> whole(const Reader& root, std::string_view key) {
  return static_cast<std::uint64_t>(TRY(TRY(root.at(key)).integer(0)));
}

Result<> read_draft(const Reader& root, Manifest& manifest) {
  manifest.unpacked.count = TRY(whole(root, "unpacked"));
  manifest.files = TRY(whole(root, "files"));
  manifest.provenance = TRY(read_provenance(TRY(root.at("provenance"))));
  manifest.defaults = TRY(read_defaults(TRY(root.at("defaults"))));
  manifest.notes = TRY(text_list(TRY(root.at("notes")), kShort));
  return {};
}

Result<> check_guest_file(std::string_view what, std::string_view path) {
  auto parsed = GuestPath::parse(path);
  if (!parsed || parsed->text() != path)
    return Error(Code::kInvalidArgument, std::string(what) + ": \"" + printable(path) + "\" is no absolute path");
  return {};
}

}  // namespace

boost::json::object defaults_json(const Defaults& defaults) {
  Object environment;
  for (const policy::Variable& variable : defaults.environment) environment[variable.name] = variable.value;
  Object languages;
  for (const Language& language : defaults.languages) languages[language.name] = language.interpreter;
  Object object{{"environment", std::move(environment)},       {"working_folder", defaults.working_folder},
                {"limits", limits_json(defaults.limits)},      {"languages", std::move(languages)},
                {"entrypoint", to_array(defaults.entrypoint)}, {"command", to_array(defaults.command)}};
  if (defaults.preload) object["preload"] = to_array(*defaults.preload);
  return object;
}

Result<Defaults> read_defaults(const Reader& reader) {
  static constexpr std::array<std::string_view, 7> kKeys{"environment", "working_folder", "limits", "languages",
                                                         "entrypoint",  "command",        "preload"};
  TRY(reader.only(kKeys));
  Defaults defaults;
  defaults.environment = TRY(read_pairs<policy::Variable>(TRY(reader.at("environment")), 1000));
  defaults.working_folder = TRY(bounded_text(TRY(reader.at("working_folder")), 4095));
  defaults.limits = TRY(read_pairs<LimitDefault>(TRY(reader.at("limits")), 32));
  defaults.languages = TRY(read_pairs<Language>(TRY(reader.at("languages")), 32));
  defaults.entrypoint = TRY(text_list(TRY(reader.at("entrypoint")), kArguments));
  defaults.command = TRY(text_list(TRY(reader.at("command")), kArguments));
  if (const auto preload = TRY(reader.find("preload")))
    defaults.preload = TRY(text_list(*preload, {.count = kPreloadMost, .length = kModuleNameMost}));
  if (auto sound = check_defaults(defaults); !sound) return reader.error(sound.error().message());
  return defaults;
}

std::string_view to_string(Format format) { return kFormats.at(static_cast<std::size_t>(format)); }

bool is_template_name(std::string_view name) {
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= kNameMost && is_plain(name.front()) && name != "host" &&
         std::ranges::all_of(name, [&](char c) { return is_plain(c) || c == '.' || c == '_' || c == '-'; });
}

Result<> check_template_name(std::string_view name) {
  if (is_template_name(name)) return {};
  if (name == "host") return Error(Code::kInvalidArgument, "\"host\" is this machine's own /usr: choose another name");
  return Error(Code::kInvalidArgument,
               "\"" + printable(name, 80) +
                   "\" cannot name a template: use up to 63 lower-case letters, digits, \".\", \"_\" and \"-\", and "
                   "start with a letter or a digit");
}

bool is_everybodys(const Manifest& manifest) { return manifest.owner.empty() || manifest.owner == kDaemonOwner; }

bool may_see(const Manifest& manifest, std::string_view owner) {
  return is_everybodys(manifest) || manifest.owner == owner || owner == kDaemonOwner;
}

bool is_owner(std::string_view text) {
  return !text.empty() && text.size() <= kOwnerMost && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Result<> check_defaults(const Defaults& defaults) {
  policy::Policy with = TRY(apply_defaults({}, defaults));
  TRY(policy::validate(with));
  if (!defaults.working_folder.empty()) TRY(check_guest_file("working_folder", defaults.working_folder));
  for (const Language& language : defaults.languages) {
    if (!is_template_name(language.name))
      return Error(Code::kInvalidArgument, "\"" + printable(language.name, 40) + "\" is no name of a language");
    TRY(check_guest_file("languages." + language.name, language.interpreter));
  }
  if (defaults.preload) TRY(check_preload(*defaults.preload));
  return {};
}

Result<policy::Policy> apply_defaults(policy::Policy policy, const Defaults& defaults) {
  for (const LimitDefault& limit : defaults.limits) {
    const policy::Field* field = policy::find_field("limits." + limit.key);
    if (field == nullptr || !field->is_scalar())
      return Error(Code::kInvalidArgument, "limits: there is no limit \"" + printable(limit.key, 40) + "\"");
    auto value = policy::parse_scalar(*field, limit.value);
    if (!value) return std::move(value).error().context("limits." + limit.key);
    field->set(policy, *value);
  }
  policy.limits.output_total = std::max(policy.limits.output_total, policy.limits.output);
  std::vector<policy::Variable> environment = defaults.environment;
  for (policy::Variable& own : policy.environment) {
    std::erase_if(environment, [&](const policy::Variable& variable) { return variable.name == own.name; });
    environment.push_back(std::move(own));
  }
  policy.environment = std::move(environment);
  return policy;
}

std::string to_draft(const Manifest& manifest) { return json::write(draft_object(manifest)); }

std::string to_json(const Manifest& manifest) {
  Object object{{"version", 1},
                {"name", manifest.name},
                {"description", manifest.description},
                {"digest", manifest.digest},
                {"format", to_string(manifest.format)},
                {"size", manifest.size.count},
                {"created_s", manifest.created_s}};
  if (!manifest.owner.empty()) object["owner"] = manifest.owner;
  for (auto& [key, value] : draft_object(manifest)) object[key] = std::move(value);
  return json::write(object);
}

Result<Manifest> parse_draft(std::string_view text) {
  const json::Value value = TRY(json::parse(text, kBounds));
  const Reader root(value);
  TRY(root.only(kDraftKeys));
  Manifest manifest;
  TRY(read_draft(root, manifest));
  return manifest;
}

Result<Manifest> parse_manifest(std::string_view text) {
  const json::Value value = TRY(json::parse(text, kBounds));
  const Reader root(value);
  std::vector<std::string_view> keys(kOwnKeys.begin(), kOwnKeys.end());
  keys.insert(keys.end(), kDraftKeys.begin(), kDraftKeys.end());
  TRY(root.only(keys));
  TRY(TRY(root.at("version")).integer(1, 1));
  Manifest manifest;
  const Reader name = TRY(root.at("name"));
  manifest.name = TRY(name.text());
  if (!is_template_name(manifest.name)) return name.error("not a template's name");
  if (const auto description = TRY(root.find("description")))  // templates made earlier have none
    manifest.description = TRY(bounded_text(*description, kDescriptionMost));
  if (const auto owner = TRY(root.find("owner"))) {
    manifest.owner = TRY(owner->text());
    if (!is_owner(manifest.owner)) return owner->error("not a key's name");
  }
  const Reader digest = TRY(root.at("digest"));
  manifest.digest = TRY(digest.text());
  if (!is_digest(manifest.digest)) return digest.error("not a digest");
  const Reader format = TRY(root.at("format"));
  const auto* const known = std::ranges::find(kFormats, TRY(format.text()));
  if (known == kFormats.end()) return format.error("expected erofs or squashfs");
  manifest.format = static_cast<Format>(known - kFormats.begin());
  manifest.size.count = TRY(whole(root, "size"));
  manifest.created_s = TRY(TRY(root.at("created_s")).integer(0, kTimeMost));
  TRY(read_draft(root, manifest));
  return manifest;
}

}  // namespace brig::image
