#pragma once
/// Strict, bounded TOML: a tree of our own with the place of every key and value.
///
/// A reader of TOML 1.0 of our own, because toml++ 3.3 aborts on malformed keys ("[)]", a key that starts with a letter
/// outside ASCII) and destroys deep dotted keys recursively without a bound. Dates and times are recognised by their
/// beginning only. Tables keep the order of the text.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "json/place.h"

namespace brig::json {

struct TomlEntry;
struct TomlValue;
using TomlTable = std::vector<TomlEntry>;
using TomlArray = std::vector<TomlValue>;
/// A date or a time: recognised, so that errors can name it; no configuration of ours uses one.
struct TomlDate {};

struct TomlValue {
  Place place;
  std::variant<std::string, std::int64_t, double, bool, TomlDate, TomlArray, TomlTable> value;

  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&value);
  }
  /// The value of `key` if this is a table that has it.
  [[nodiscard]] const TomlValue* find(std::string_view key) const;
  /// "a string", "a number", "a table", … for error messages.
  [[nodiscard]] std::string_view kind() const;
};

struct TomlEntry {
  std::string key;
  Place place;  ///< of the key
  TomlValue value;
};

struct TomlLimits {
  std::size_t max_bytes = std::size_t{256} << 10;
  std::size_t max_depth = 16;  ///< tables and arrays inside each other, dotted keys included
};

/// The root table. Errors read "LINE:COLUMN: what is wrong": kInvalidArgument, or kExhausted (without a place) for more
/// than max_bytes.
Result<TomlValue> parse_toml(std::string_view text, TomlLimits limits = {});

/// `text` as a TOML basic string with its quotes. `text` is UTF-8.
std::string toml_quoted(std::string_view text);

}  // namespace brig::json
