#pragma once
/// Headers: the fields of a request or an answer, in order; names are compared without case.
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace brig::http {

struct Field {
  std::string name;
  std::string value;
  bool operator==(const Field&) const = default;
};

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  /// The value of the first field of this name, or null.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  /// The same, or "".
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
  /// True if a comma-separated list in any field of this name has `token` (without case): Connection, Upgrade …
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const;
  void add(std::string name, std::string value) { fields_.push_back({std::move(name), std::move(value)}); }
  /// Replaces every field of this name by one.
  void set(std::string_view name, std::string value);
  void erase(std::string_view name);
  void clear() { fields_.clear(); }

  [[nodiscard]] auto begin() const { return fields_.begin(); }
  [[nodiscard]] auto end() const { return fields_.end(); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  bool operator==(const Headers&) const = default;

 private:
  std::vector<Field> fields_;
};

/// One or more of the characters that methods, field names and WebSocket protocols are made of (RFC 9110, 5.6.2).
[[nodiscard]] bool is_token(std::string_view text);
/// Visible characters, blanks and bytes above 127: no control character, no line end (RFC 9110, 5.5).
[[nodiscard]] bool is_field_value(std::string_view text);
/// Without blanks and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
/// A Content-Type without its parameters; letters as they are.
[[nodiscard]] std::string_view media_type(std::string_view content_type);
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);
/// "Not Found"; "Unknown" for a status without a name.
[[nodiscard]] std::string_view reason_of(int status);
/// "Sun, 06 Nov 1994 08:49:37 GMT", seconds since 1970.
[[nodiscard]] std::string http_date(std::int64_t seconds);

}  // namespace brig::http
