#include "json/toml_number.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

namespace brig::json {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// `text` without the underscores that may stand between two digits; nothing if one stands elsewhere.
std::optional<std::string> without_underscores(std::string_view text, bool is_hexadecimal) {
  const auto is_one = [&](char c) {
    return is_digit(c) || (is_hexadecimal && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_one(text[i - 1]) || !is_one(text[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

}  // namespace

std::optional<std::int64_t> parse_toml_integer(std::string_view token) {
  constexpr std::array<std::pair<std::string_view, int>, 3> kBases{{{"0x", 16}, {"0o", 8}, {"0b", 2}}};
  int base = 10;
  for (const auto& [prefix, other] : kBases) {
    if (!token.starts_with(prefix)) continue;
    base = other;
    token.remove_prefix(2);
  }
  if (base != 10 && (token.starts_with('-') || token.starts_with('+'))) return std::nullopt;
  auto digits = without_underscores(token, base == 16);
  if (!digits) return std::nullopt;
  if (digits->starts_with("+-")) return std::nullopt;
  if (digits->starts_with('+')) digits->erase(0, 1);  // from_chars does not know it
  const std::size_t sign = digits->starts_with('-') ? 1 : 0;
  if (digits->size() <= sign || (base == 10 && !is_digit((*digits)[sign]))) return std::nullopt;
  if (base == 10 && (*digits)[sign] == '0' && digits->size() > sign + 1) return std::nullopt;  // no leading zeros
  std::int64_t value = 0;
  const char* last = digits->data() + digits->size();
  const auto [end, error] = std::from_chars(digits->data(), last, value, base);
  if (error != std::errc() || end != last) return std::nullopt;
  return value;
}

std::optional<double> parse_toml_float(std::string_view token) {
  const double sign = token.starts_with('-') ? -1 : 1;
  if (token.starts_with('+') || token.starts_with('-')) token.remove_prefix(1);
  if (token == "inf") return sign * HUGE_VAL;
  if (token == "nan") return std::nan("");
  const auto digits = without_underscores(token, false);
  if (!digits || digits->empty() || !is_digit(digits->front())) return std::nullopt;
  if (digits->front() == '0' && digits->size() > 1 && is_digit((*digits)[1])) return std::nullopt;  // no leading zeros
  if (digits->find_first_of(".eE") == std::string::npos) return std::nullopt;  // an integer that is out of range
  const std::size_t dot = digits->find('.');
  if (dot != std::string::npos && (dot + 1 == digits->size() || !is_digit((*digits)[dot + 1]))) return std::nullopt;
  double value = 0;
  const char* last = digits->data() + digits->size();
  const auto [end, error] = std::from_chars(digits->data(), last, value);
  if (error != std::errc() || end != last) return std::nullopt;
  return sign * value;
}

}  // namespace brig::json
