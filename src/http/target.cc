#include "http/target.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "http/headers.h"

namespace brig::http {
namespace {

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

/// "." and ".." change the meaning of a path, also when they hide behind an encoded slash or backslash.
bool has_dot_component(std::string_view segment) {
  while (true) {
    const auto end = segment.find_first_of("/\\");
    const std::string_view part = segment.substr(0, end);
    if (part == "." || part == "..") return true;
    if (end == std::string_view::npos) return false;
    segment.remove_prefix(end + 1);
  }
}

Result<std::vector<std::string>> split_path(std::string_view path) {
  std::vector<std::string> segments;
  if (path == "/" || path == "*") return segments;
  path.remove_prefix(1);
  while (true) {
    const auto end = path.find('/');
    std::string segment = TRY(percent_decode(path.substr(0, end)));
    if (has_dot_component(segment)) {
      return Error(Code::kInvalidArgument, "the path has a component \".\" or \"..\"");
    }
    segments.push_back(std::move(segment));
    if (end == std::string_view::npos) return segments;
    path.remove_prefix(end + 1);
  }
}

Result<std::vector<std::pair<std::string, std::string>>> split_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view part = query.substr(0, end);
    if (!part.empty()) {
      const auto equals = part.find('=');
      std::string name = TRY(percent_decode(part.substr(0, equals), Plus::kBlank));
      std::string value;
      if (equals != std::string_view::npos) value = TRY(percent_decode(part.substr(equals + 1), Plus::kBlank));
      parameters.emplace_back(std::move(name), std::move(value));
    }
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return parameters;
}

/// "http://host:port/path" without its scheme, or nothing.
std::optional<std::string_view> without_scheme(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (text.size() > scheme.size() && equals_ignoring_case(text.substr(0, scheme.size()), scheme)) {
      return text.substr(scheme.size());
    }
  }
  return std::nullopt;
}

}  // namespace

const std::string* Target::find(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string Target::text_from(std::size_t first) const {
  std::size_t at = 0;
  for (std::size_t i = 0; i < first && at != std::string::npos; ++i) at = path.find('/', at + 1);
  std::string text = at == std::string::npos ? "/" : path.substr(at);
  if (!query.empty()) text.append("?").append(query);
  return text;
}

Result<Target> parse_target(std::string_view text) {
  const bool is_clean = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  if (!is_clean) {
    return Error(Code::kInvalidArgument, "the target has characters that must be percent-encoded");
  }
  Target target;
  if (const auto rest = without_scheme(text)) {
    const auto slash = rest->find_first_of("/?");
    target.authority = rest->substr(0, slash);
    text = slash == std::string_view::npos ? std::string_view("/") : rest->substr(slash);
    if (target.authority.empty() || target.authority.contains('@')) {
      return Error(Code::kInvalidArgument, "the target names no usable host");
    }
    if (text.starts_with('?')) return Error(Code::kInvalidArgument, "the target has no path");
  }
  if (!text.starts_with('/') && text != "*") {
    return Error(Code::kInvalidArgument, "the target must begin with \"/\"");
  }
  const auto mark = text.find('?');
  target.path = text.substr(0, mark);
  if (mark != std::string_view::npos) target.query = text.substr(mark + 1);
  target.segments = TRY(split_path(target.path));
  target.parameters = TRY(split_query(target.query));
  return target;
}

Result<std::string> percent_decode(std::string_view text, Plus plus) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::kBlank) {
      decoded.push_back(' ');
    } else if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      const auto high = i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
      const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
      if (!high || !low) {
        return Error(Code::kInvalidArgument, "\"" + printable(text.substr(i, 3)) + "\" is no percent-encoded byte");
      }
      const unsigned byte = *high * 16 + *low;
      if (byte == 0) return Error(Code::kInvalidArgument, "the target has an encoded NUL");
      decoded.push_back(static_cast<char>(byte));
      i += 2;
    }
  }
  return decoded;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
                          c == '.' || c == '_' || c == '~';
    if (is_plain) {
      encoded.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded.append({'%', kDigits[byte >> 4U], kDigits[byte & 15U]});
    }
  }
  return encoded;
}

}  // namespace brig::http
