#pragma once
/// Strict JSON: parse and write.
///
/// Over Boost.JSON, whose headers are not included here (they cost compile time): a file that touches a Value includes
/// <boost/json/value.hpp> itself. Stricter than Boost.JSON: a duplicate key and a number that no double holds are
/// errors. To read a parsed value with good error texts: json/reader.h.
#include <cstddef>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/result.h"

namespace brig::json {

using Value = boost::json::value;

struct Limits {
  std::size_t max_bytes = std::size_t{1} << 20;
  std::size_t max_depth = 32;  ///< arrays and objects inside each other
  /// Of all depths: a value takes many times the bytes of its text, and a microsecond.
  std::size_t max_values = 50'000;
};

/// Limits::max_values of a program that reads for one caller alone, who may wait.
inline constexpr std::size_t kManyValues = 1'000'000;

/// One JSON text (RFC 8259). kInvalidArgument "LINE:COLUMN: what is wrong" for a syntax error, trailing text, invalid
/// UTF-8, a duplicate key, a number beyond a double, or deeper than max_depth; kExhausted for more than max_bytes or
/// max_values.
Result<Value> parse(std::string_view text, Limits limits = {});

/// Compact JSON on one line, always valid UTF-8: a string in `value` that is not becomes utf8_lossy. Numbers must be
/// finite.
std::string write(const Value& value);

}  // namespace brig::json
