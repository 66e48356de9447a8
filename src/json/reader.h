#pragma once
/// Reader: a JSON value and its path, for reading requests with errors such as `$.limits.memory: expected a number`.
///
/// A view: the Value outlives it. Every error is kInvalidArgument and starts with the path.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "json/json.h"

namespace brig::json {

class Reader {
 public:
  explicit Reader(const Value& value, std::string path = "$") : value_(&value), path_(std::move(path)) {}

  [[nodiscard]] const Value& value() const { return *value_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_null() const;

  Result<std::string_view> text() const;
  Result<bool> boolean() const;
  /// A whole number in the range; 3.0 is none.
  Result<std::int64_t> integer(std::int64_t least = INT64_MIN, std::int64_t most = INT64_MAX) const;
  Result<double> number() const;
  /// The elements of an array.
  Result<std::vector<Reader>> items() const;

  /// A key that must be there.
  Result<Reader> at(std::string_view key) const;
  /// A key that may be absent. An error only if this is no object.
  Result<std::optional<Reader>> find(std::string_view key) const;
  /// As find(), and null is as if it were not there.
  Result<std::optional<Reader>> given(std::string_view key) const;
  /// An error with a «did you mean» if this is no object or has a key that is not in `known`.
  Result<> only(std::span<const std::string_view> known) const;
  /// Every key and value of an object, in the order of the text.
  Result<std::vector<std::pair<std::string_view, Reader>>> entries() const;

  /// "<path>: <what>"
  Error error(std::string_view what) const;

 private:
  Error expected(std::string_view what) const;
  Reader child(std::string_view key, const Value& value) const;

  const Value* value_;
  std::string path_;
};

}  // namespace brig::json
