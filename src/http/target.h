#pragma once
/// Target: what a request asks for, taken apart and decoded.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace brig::http {

struct Target {
  std::string path;                   ///< as it came, without the query: "/v1/a%20b"; "*" for `OPTIONS *`
  std::string query;                  ///< as it came, without "?"
  std::string authority;              ///< of the absolute form (`GET http://host/path`), else empty
  std::vector<std::string> segments;  ///< decoded: "/a%20b/" is {"a b", ""}; "/" is {}
  std::vector<std::pair<std::string, std::string>> parameters;  ///< of the query, decoded, "+" is a blank

  /// The first parameter of this name, or null.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  /// Path and query as they came.
  [[nodiscard]] std::string text() const { return query.empty() ? path : path + "?" + query; }
  /// The path as it came from its segment number `first` on, with query: what a proxy passes on. "/" if there is none.
  [[nodiscard]] std::string text_from(std::size_t first) const;
};

/// kInvalidArgument with a sentence for: neither "/…", "*" nor "http(s)://…"; blanks, control characters, "#" or bytes
/// above 127; an escape that is none; an encoded NUL; a component "." or ".." in any spelling.
Result<Target> parse_target(std::string_view text);

/// Decodes %XX, and "+" as a blank if asked. kInvalidArgument for a broken escape or an encoded NUL.
enum class Plus : bool { kLiteral, kBlank };
Result<std::string> percent_decode(std::string_view text, Plus plus = Plus::kLiteral);
/// Everything but letters, digits and "-._~" as %XX (so that it fits into one segment or one parameter).
std::string percent_encode(std::string_view text);

}  // namespace brig::http
