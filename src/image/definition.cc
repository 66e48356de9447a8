#include "image/definition.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "image/preload.h"
#include "json/toml.h"

namespace brig::image {
namespace {

using json::TomlArray;
using json::TomlEntry;
using json::TomlTable;
using json::TomlValue;

constexpr std::array<std::string_view, 5> kKeys{"description", "preload", "debian", "environment", "limits"};
constexpr std::array<std::string_view, 4> kDebianKeys{"packages", "exclude", "remove", "purge"};
constexpr std::size_t kListMost = 2000;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// Debian Policy 5.6.1.
bool is_package(std::string_view text) {
  return text.size() >= 2 && text.size() <= 128 && is_alphanumeric(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_alphanumeric(c) || c == '+' || c == '-' || c == '.'; });
}

bool is_package_pattern(std::string_view text) {
  std::string name(text);
  std::erase(name, '*');
  return is_package(name) && is_alphanumeric(text.front());
}

bool is_path_pattern(std::string_view text) {
  return text.size() <= 400 && text.starts_with('/') && !text.contains("..") && std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || (c >= 'A' && c <= 'Z') || std::string_view("/*._+-@").contains(c);
         });
}

class Parser {
 public:
  explicit Parser(std::string_view file) : file_(printable(file)) {}

  Result<Definition> parse(std::string_view text) {
    auto root = json::parse_toml(text);
    if (!root) {
      return Error(root.error().code(),
                   file_ + (root.error().code() == Code::kExhausted ? ": " : ":") + root.error().message());
    }
    Definition definition;
    for (const TomlEntry& entry : *root->as<TomlTable>()) TRY(read(entry, definition));
    if (definition.packages.empty()) {
      return Error(Code::kInvalidArgument, file_ + ": no packages: [debian] and packages = [\"python3\"], for example");
    }
    return definition;
  }

 private:
  Error error(json::Place place, const std::string& what) const {
    return {Code::kInvalidArgument, file_ + ":" + to_string(place) + ": " + what};
  }
  Error unknown(const TomlEntry& entry, std::span<const std::string_view> known) const {
    return error(entry.place, "unknown key \"" + printable(entry.key, 60) + "\"" + did_you_mean(entry.key, known));
  }

  Result<> read(const TomlEntry& entry, Definition& definition) {
    if (std::ranges::find(kKeys, entry.key) == kKeys.end()) return unknown(entry, kKeys);
    if (entry.key == "description") {
      definition.description = TRY(text(entry.value, entry.key));
      if (definition.description.size() > kDescriptionMost)
        return error(entry.value.place,
                     "description: more than " + std::to_string(kDescriptionMost) + " bytes: one line is enough");
      return {};
    }
    if (entry.key == "preload") {
      auto modules =
          TRY(list(entry, is_module_name, "a Python module's name as code imports it, such as \"matplotlib.pyplot\""));
      if (auto sound = check_preload(modules); !sound) return error(entry.value.place, sound.error().message());
      definition.defaults.preload = std::move(modules);
      return {};
    }
    const auto* table = entry.value.as<TomlTable>();
    if (table == nullptr) return error(entry.value.place, entry.key + ": expected a table");
    if (entry.key == "debian") return read_debian(*table, definition);
    for (const TomlEntry& inner : *table) {
      const std::string value = TRY(text(inner.value, entry.key + "." + inner.key));
      Defaults one;
      if (entry.key == "environment") one.environment.push_back({inner.key, value});
      else one.limits.push_back({inner.key, value});
      if (auto sound = check_defaults(one); !sound) return error(inner.place, sound.error().message());
      std::ranges::move(one.environment, std::back_inserter(definition.defaults.environment));
      std::ranges::move(one.limits, std::back_inserter(definition.defaults.limits));
    }
    return {};
  }

  Result<> read_debian(const TomlTable& table, Definition& definition) {
    for (const TomlEntry& entry : table) {
      if (std::ranges::find(kDebianKeys, entry.key) == kDebianKeys.end()) return unknown(entry, kDebianKeys);
      if (entry.key == "packages")
        definition.packages = TRY(list(entry, is_package, "a Debian package's name, such as \"python3\""));
      else if (entry.key == "exclude")
        definition.exclude = TRY(list(entry, is_path_pattern, "a pattern of paths, such as \"/usr/share/doc/*\""));
      else if (entry.key == "remove")
        definition.remove = TRY(list(entry, is_path_pattern, "a pattern of paths, such as \"/usr/lib/*/tests\""));
      else
        definition.purge = TRY(list(entry, is_package_pattern, "a package's name, \"*\" for any part of it: \"g++*\""));
    }
    return {};
  }

  Result<std::string> text(const TomlValue& value, const std::string& key) const {
    const auto* found = value.as<std::string>();
    if (found == nullptr) return error(value.place, key + ": expected a string, found " + std::string(value.kind()));
    return *found;
  }

  Result<std::vector<std::string>> list(const TomlEntry& entry, bool (*is_good)(std::string_view),
                                        const char* wanted) const {
    const auto* array = entry.value.as<TomlArray>();
    if (array == nullptr) return error(entry.value.place, entry.key + ": expected an array of strings");
    if (array->size() > kListMost) return error(entry.value.place, entry.key + ": too many entries");
    std::vector<std::string> all;
    for (const TomlValue& item : *array) {
      std::string word = TRY(text(item, entry.key));
      if (!is_good(word)) {
        return error(item.place,
                     entry.key + ": \"" + printable(word, 80) + "\" is not what is expected: " + std::string(wanted));
      }
      all.push_back(std::move(word));
    }
    return all;
  }

  std::string file_;
};

}  // namespace

Result<Definition> parse_definition(std::string_view text, std::string_view file_name) {
  return Parser(file_name).parse(text);
}

}  // namespace brig::image
