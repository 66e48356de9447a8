#include "json/toml.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_WINDOWS_COMPAT 0
#define TOML_MAX_NESTED_VALUES 32
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"  // not our code
#include <toml++/toml.h>
#pragma clang diagnostic pop

#include <algorithm>
#include <array>
#include <tuple>

#include "base/text.h"
#include "base/units.h"

namespace brig::json {
namespace {

Error error_at(Place place, const std::string& what) {
  return {Code::kInvalidArgument, to_string(place) + ": " + what};
}

/// Finds dotted keys of more than `max_depth` parts. toml++ bounds the nesting of brackets but not of dots, and it builds and
/// destroys tables recursively: "a.a.a. …" would overflow the stack. Knows as much of TOML as it needs to tell a dot in a key
/// from one in a string or a comment; it may misread a text that is not TOML, but only after the place where toml++ stops.
class DotCounter {
 public:
  DotCounter(std::string_view text, std::size_t max_depth) : text_(text), max_depth_(max_depth) {}

  Result<> check() {
    std::size_t dots = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == '"' || c == '\'') {
        skip_string(c);
      } else {
        if (c == '.' && ++dots >= max_depth_) {
          return error_at(place_of(text_, at_), "a key has more than " + std::to_string(max_depth_) + " parts");
        }
        if (std::string_view("\n=,[]{}").contains(c)) dots = 0;
        ++at_;
      }
    }
    return {};
  }

 private:
  void skip_string(char quote) {
    const std::array<char, 3> triple{quote, quote, quote};
    const std::string_view delimiter(triple.data(), 3);
    const bool is_multi_line = text_.substr(at_).starts_with(delimiter);
    at_ += is_multi_line ? 3 : 1;
    while (at_ < text_.size()) {
      if (quote == '"' && text_[at_] == '\\') {
        at_ += 2;
      } else if (is_multi_line ? text_.substr(at_).starts_with(delimiter) : text_[at_] == quote) {
        at_ += is_multi_line ? 3 : 1;
        // Up to two quotes may stand before the closing three.
        while (is_multi_line && at_ < text_.size() && text_[at_] == quote) ++at_;
        return;
      } else if (!is_multi_line && text_[at_] == '\n') {
        return;  // not TOML: toml++ says so
      } else {
        ++at_;
      }
    }
  }

  std::string_view text_;
  std::size_t max_depth_;
  std::size_t at_ = 0;
};

Place place_of(const ::toml::source_region& region) {
  return {std::max(1U, region.begin.line), std::max(1U, region.begin.column)};
}

bool is_before(Place a, Place b) { return std::tie(a.line, a.column) < std::tie(b.line, b.column); }

Result<TomlValue> convert(const ::toml::node& node, std::size_t depth_left) {
  TomlValue result{.place = place_of(node.source()), .value = TomlDate{}};
  if (const auto* text = node.as_string()) result.value = text->get();
  if (const auto* integer = node.as_integer()) result.value = integer->get();
  if (const auto* number = node.as_floating_point()) result.value = number->get();
  if (const auto* boolean = node.as_boolean()) result.value = boolean->get();
  if (!node.is_array() && !node.is_table()) return result;
  if (depth_left == 0) return error_at(result.place, "tables and arrays are nested too deeply");
  if (const auto* array = node.as_array()) {
    TomlArray items;
    items.reserve(array->size());
    for (const ::toml::node& item : *array) items.push_back(TRY(convert(item, depth_left - 1)));
    result.value = std::move(items);
  }
  if (const auto* table = node.as_table()) {
    TomlTable entries;
    entries.reserve(table->size());
    for (const auto& [key, value] : *table) {
      entries.push_back({.key = std::string(key.str()),
                         .place = place_of(key.source()),
                         .value = TRY(convert(value, depth_left - 1))});
    }
    std::ranges::sort(entries, is_before, &TomlEntry::place);
    result.value = std::move(entries);
  }
  return result;
}

}  // namespace

const TomlValue* TomlValue::find(std::string_view key) const {
  const auto* table = as<TomlTable>();
  if (table == nullptr) return nullptr;
  const auto entry = std::ranges::find(*table, key, &TomlEntry::key);
  return entry == table->end() ? nullptr : &entry->value;
}

std::string_view TomlValue::kind() const {
  constexpr std::array<std::string_view, 7> kNames{"a string",        "a whole number", "a number with a fraction", "true or false",
                                                   "a date or a time", "an array",       "a table"};
  return kNames.at(value.index());
}

Result<TomlValue> parse_toml(std::string_view text, TomlLimits limits) {
  if (text.size() > limits.max_bytes) {
    return Error(Code::kExhausted, "the TOML is longer than " + format(Bytes{limits.max_bytes}));
  }
  TRY(DotCounter(text, limits.max_depth).check());
  const ::toml::parse_result parsed = ::toml::parse(text);
  if (parsed.failed()) {
    return error_at(place_of(parsed.error().source()), printable(parsed.error().description(), 300));
  }
  return convert(parsed.table(), limits.max_depth + 1);
}

std::string toml_quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

}  // namespace brig::json
