#include "policy/parse.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/text.h"
#include "json/toml.h"
#include "policy/preset.h"
#include "policy/schema.h"
#include "policy/validate.h"

namespace brig::policy {
namespace {

using json::Place;
using json::TomlEntry;
using json::TomlTable;
using json::TomlValue;

constexpr std::array<std::string_view, 7> kSections{"preset",    "limits",  "environment", "mount",
                                                    "libraries", "network", "require"};
constexpr std::array<std::string_view, 4> kMountKeys{"from", "to", "access", "danger"};
constexpr std::array<std::string_view, 1> kDangerKeys{"read_write_mount"};

/// "30s" in quotes, as an example in errors about types.
std::string_view example(Kind kind) {
  switch (kind) {
    case Kind::kDuration: return "a string such as \"30s\"";
    case Kind::kSize: return "a string such as \"256M\"";
    case Kind::kProcessors: return "a number";
    case Kind::kCount: return "a whole number";
    case Kind::kChoice:
    case Kind::kText: return "a string";
  }
  return "a string";
}

class Parser {
 public:
  explicit Parser(std::string_view file_name) : file_(printable(file_name)) {}

  /// Where the sources of the policy's mounts stand.
  [[nodiscard]] std::vector<std::string> take_places() { return std::move(places_); }

  Result<Policy> parse(std::string_view text) {
    auto root = json::parse_toml(text);
    if (!root.has_value()) {
      const std::string separator = root.error().code() == Code::kExhausted ? ": " : ":";  // else a place follows
      return Error(root.error().code(), file_ + separator + root.error().message());
    }
    TRY(read_preset(*root));
    for (const TomlEntry& entry : table_of(*root)) TRY(read_section(entry));
    if (auto valid = validate(policy_); !valid.has_value()) {
      return Error(valid.error().code(), file_ + ": " + valid.error().message());
    }
    return std::move(policy_);
  }

 private:
  [[nodiscard]] Error error_at(Place place, const std::string& what) const {
    return {Code::kInvalidArgument, file_ + ":" + json::to_string(place) + ": " + what};
  }

  [[nodiscard]] Error wrong_type(const TomlValue& value, std::string_view path, std::string_view expected) const {
    return error_at(value.place,
                    std::string(path) + ": expected " + std::string(expected) + ", found " + std::string(value.kind()));
  }

  [[nodiscard]] Error unknown(const TomlEntry& entry, const std::string& prefix,
                              std::span<const std::string_view> known) const {
    return error_at(entry.place,
                    "unknown key \"" + prefix + printable(entry.key, 60) + "\"" + did_you_mean(entry.key, known));
  }

  /// Puts the place before an error that has none.
  [[nodiscard]] Result<> at(Place place, Result<> result) const {
    if (!result.has_value()) return error_at(place, result.error().message());
    return {};
  }

  /// The entries of a value that is known to be a table.
  static const TomlTable& table_of(const TomlValue& value) { return std::get<TomlTable>(value.value); }

  Result<> expect_table(const TomlValue& value, std::string_view path) const {
    if (value.as<TomlTable>() == nullptr) return wrong_type(value, path, "a table");
    return {};
  }

  Result<std::string> text_of(const TomlValue& value, std::string_view path) const {
    const auto* text = value.as<std::string>();
    if (text == nullptr) return wrong_type(value, path, "a string");
    return *text;
  }

  Result<> read_preset(const TomlValue& root) {
    const TomlValue* value = root.find("preset");
    if (value == nullptr) return {};
    const std::string name = TRY(text_of(*value, "preset"));
    const auto found = find_preset(name);
    if (!found) {
      return error_at(value->place, "preset: \"" + printable(name, 40) + "\" is not a preset: " +
                                        advice(*find_field("preset")) + did_you_mean(name, kPresetNames));
    }
    policy_ = preset(*found);
    return {};
  }

  Result<> read_section(const TomlEntry& entry) {
    if (entry.key == "preset") return {};  // read before
    if (entry.key == "environment") return read_environment(entry.value);
    if (entry.key == "mount") return read_mounts(entry.value);
    if (std::ranges::find(kSections, entry.key) == kSections.end()) return unknown_section(entry);
    TRY(expect_table(entry.value, entry.key));
    for (const TomlEntry& key : table_of(entry.value)) TRY(read_scalar(entry.key, key));
    return {};
  }

  /// A key written above the first section is a common slip: say where it belongs.
  [[nodiscard]] Error unknown_section(const TomlEntry& entry) const {
    for (const Field& field : fields()) {
      if (field.is_scalar() && field.key() == entry.key) {
        return error_at(entry.place,
                        "unknown key \"" + entry.key + "\": it belongs in [" + std::string(field.section()) + "]");
      }
    }
    return unknown(entry, "", kSections);
  }

  Result<> read_scalar(const std::string& section, const TomlEntry& entry) {
    const Field* field = find_field(section + "." + entry.key);
    if (field != nullptr && section == "libraries") return read_libraries(*field, entry.value);
    if (field != nullptr && field->path == "require.runtime") {
      policy_.runtime = TRY(text_of(entry.value, field->path));
      return at(entry.value.place, check_runtime(policy_.runtime).context(field->path));
    }
    if (field == nullptr || !field->is_scalar()) {
      std::vector<std::string_view> known;
      for (const Field& other : fields()) {
        if (other.section() == section) known.push_back(other.key());
      }
      return unknown(entry, section + ".", known);
    }
    auto value = scalar_of(*field, entry.value);
    if (!value.has_value()) return std::move(value).error();
    field->set(policy_, *value);
    return {};
  }

  Result<Scalar> scalar_of(const Field& field, const TomlValue& value) const {
    const bool is_none = field.may_be_none && value.as<std::string>() != nullptr && *value.as<std::string>() == "none";
    if (is_none) return Scalar();
    if (field.kind == Kind::kCount || field.kind == Kind::kProcessors) return number_of(field, value);
    const auto* text = value.as<std::string>();
    if (text == nullptr) return wrong_type(value, field.path, example(field.kind));
    auto scalar = parse_scalar(field, *text);
    if (!scalar.has_value()) return error_at(value.place, std::string(field.path) + ": " + scalar.error().message());
    return scalar;
  }

  Result<Scalar> number_of(const Field& field, const TomlValue& value) const {
    const bool is_fraction_allowed = field.kind == Kind::kProcessors;
    const std::int64_t unit = is_fraction_allowed ? 1000 : 1;
    const auto out_of_range = [&](const std::string& text) {
      return error_at(value.place, std::string(field.path) + ": " + text + " is out of range: " + advice(field));
    };
    if (const auto* whole = value.as<std::int64_t>()) {
      if (*whole < 0 || *whole > field.most / unit || *whole * unit < field.least)
        return out_of_range(std::to_string(*whole));
      return Scalar(*whole * unit);
    }
    const auto* number = value.as<double>();
    if (number == nullptr || !is_fraction_allowed) return wrong_type(value, field.path, example(field.kind));
    const double scaled = std::round(*number * static_cast<double>(unit));
    // Written so that NaN is out of range too.
    if (!(scaled >= static_cast<double>(field.least) && scaled <= static_cast<double>(field.most))) {
      return out_of_range("the number");
    }
    return Scalar(static_cast<std::int64_t>(scaled));
  }

  Result<> read_environment(const TomlValue& value) {
    TRY(expect_table(value, "environment"));
    for (const TomlEntry& entry : table_of(value)) {
      Variable variable{.name = entry.key, .value = {}};
      TRY(at(entry.place, check_variable(variable)));
      variable.value = TRY(text_of(entry.value, "environment." + entry.key));
      TRY(at(entry.value.place, check_variable(variable)));
      policy_.environment.push_back(std::move(variable));
    }
    return {};
  }

  Result<> read_libraries(const Field& field, const TomlValue& value) {
    const auto* items = value.as<json::TomlArray>();
    if (items == nullptr) return wrong_type(value, field.path, "a list such as [\"pandas\"]");
    auto& names = field.key() == "allow" ? policy_.libraries.allow : policy_.libraries.use;
    names.clear();
    for (const TomlValue& item : *items) {
      std::string name = TRY(text_of(item, field.path));
      if (name != "*" || field.key() != "allow") {
        auto normal = normalised_library(name);
        if (!normal.has_value()) return error_at(item.place, std::string(field.path) + ": " + normal.error().message());
        name = *std::move(normal);
      }
      if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    }
    return {};
  }

  Result<> read_mounts(const TomlValue& value) {
    const auto* mounts = value.as<json::TomlArray>();
    if (mounts == nullptr) return wrong_type(value, "mount", "[[mount]], with two brackets");
    for (const TomlValue& mount : *mounts) {
      TRY(expect_table(mount, "mount"));
      TRY(read_mount(mount));
    }
    return {};
  }

  Result<> read_mount(const TomlValue& table) {
    for (const TomlEntry& entry : table_of(table)) {
      if (std::ranges::find(kMountKeys, entry.key) == kMountKeys.end()) return unknown(entry, "mount.", kMountKeys);
    }
    const TomlValue& to_value = *TRY(required(table, "to"));
    const TomlValue& from_value = *TRY(required(table, "from"));
    Mount mount{.from = TRY(path_of<HostPath>(from_value, "mount.from")),
                .to = TRY(path_of<GuestPath>(to_value, "mount.to")),
                .access = TRY(access_of(table))};
    policy_.mounts.push_back(std::move(mount));
    places_.push_back(file_ + ":" + json::to_string(from_value.place));
    return at(to_value.place, check_last_mount(policy_));
  }

  Result<const TomlValue*> required(const TomlValue& table, std::string_view key) const {
    const TomlValue* value = table.find(key);
    if (value == nullptr) return error_at(table.place, "mount: the key \"" + std::string(key) + "\" is missing");
    return value;
  }

  template <class Path>
  Result<Path> path_of(const TomlValue& value, std::string_view name) const {
    auto path = Path::parse(TRY(text_of(value, name)));
    if (!path.has_value()) return error_at(value.place, std::string(name) + ": " + printable(path.error().message()));
    return path;
  }

  Result<Access> access_of(const TomlValue& table) const {
    const TomlValue* access = table.find("access");
    const bool has_token = TRY(has_danger_token(table));
    if (access != nullptr) {
      const Field& field = *find_field("mount.access");
      const std::string word = TRY(text_of(*access, field.path));
      if (std::ranges::find(field.choices, word) == field.choices.end()) {
        return error_at(access->place, "mount.access: \"" + printable(word, 40) + "\" is not one of the choices: " +
                                           advice(field) + did_you_mean(word, field.choices));
      }
      if (word == to_string(Access::kReadWrite)) {
        if (!has_token) {
          return error_at(access->place,
                          "mount.access: a read-write mount lets the sandbox change files of the host: add "
                          "danger.read_write_mount = \"" +
                              std::string(kReadWriteMountToken) + "\"");
        }
        return Access::kReadWrite;
      }
    }
    if (has_token) {
      return error_at(table.find("danger")->place, "mount.danger: the mount is read-only: remove the token");
    }
    return Access::kReadOnly;
  }

  Result<bool> has_danger_token(const TomlValue& table) const {
    const TomlValue* danger = table.find("danger");
    if (danger == nullptr) return false;
    TRY(expect_table(*danger, "mount.danger"));
    for (const TomlEntry& entry : table_of(*danger)) {
      if (entry.key != kDangerKeys.front()) return unknown(entry, "mount.danger.", kDangerKeys);
      const std::string token = TRY(text_of(entry.value, "mount.danger.read_write_mount"));
      if (token != kReadWriteMountToken) {
        return error_at(entry.value.place, "mount.danger.read_write_mount: the value must be exactly \"" +
                                               std::string(kReadWriteMountToken) + "\"");
      }
    }
    return !table_of(*danger).empty();
  }

  std::string file_;
  Policy policy_;
  std::vector<std::string> places_;
};

/// A scalar as TOML writes it: bare numbers, everything else in quotes.
std::string toml_scalar(const Field& field, Scalar value) {
  const std::string text = format_scalar(field, value);
  const bool is_bare = value && (field.kind == Kind::kCount || field.kind == Kind::kProcessors);
  return is_bare ? text : json::toml_quoted(text);
}

std::string toml_list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + json::toml_quoted(name);
  return "[" + text + "]";
}

}  // namespace

Result<Policy> parse_policy(std::string_view text, std::string_view file_name, std::vector<std::string>* places) {
  Parser parser(file_name);
  auto policy = parser.parse(text);
  if (places != nullptr) *places = parser.take_places();
  return policy;
}

std::string to_toml(const Policy& policy) {
  std::string out = "preset = \"default\"\n";
  std::string_view section;
  for (const Field& field : fields()) {
    if (!field.is_scalar()) continue;
    if (field.section() != section) {
      section = field.section();
      out += "\n[" + std::string(section) + "]\n";
    }
    out += std::string(field.key()) + " = " + toml_scalar(field, field.get(policy)) + "\n";
  }
  out += "runtime = " + json::toml_quoted(policy.runtime) + "\n";  // [require] is the last section
  if (policy.libraries != Libraries()) {
    out += "\n[libraries]\nallow = " + toml_list(policy.libraries.allow) +
           "\nuse = " + toml_list(policy.libraries.use) + "\n";
  }
  if (!policy.environment.empty()) out += "\n[environment]\n";
  for (const Variable& variable : policy.environment) {
    out += variable.name + " = " + json::toml_quoted(variable.value) + "\n";
  }
  for (const Mount& mount : policy.mounts) {
    out += "\n[[mount]]\nfrom = " + json::toml_quoted(mount.from.text()) +
           "\nto = " + json::toml_quoted(mount.to.text()) + "\naccess = " + json::toml_quoted(to_string(mount.access)) +
           "\n";
    if (mount.access == Access::kReadWrite) {
      out += "danger.read_write_mount = " + json::toml_quoted(kReadWriteMountToken) + "\n";
    }
  }
  return out;
}

}  // namespace brig::policy
