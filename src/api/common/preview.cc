#include "api/common/preview.h"

#include <openssl/crypto.h>

#include "api/common/hmac.h"
#include "base/number.h"
#include "http/headers.h"
#include "http/target.h"
#include "store/ids.h"

namespace brig::api {
namespace {

constexpr std::size_t kExpiryDigits = 12;  // until the year 33658

/// Cuts the next part off `text`, which is behind `separator` then.
std::string_view next_part(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

bool is_named(std::string_view pair, std::string_view name) {
  return http::trimmed(pair.substr(0, pair.find('='))) == name;
}

std::optional<std::int64_t> parse_expiry(std::string_view text) {
  if (text.size() > kExpiryDigits) return std::nullopt;
  const auto seconds = whole_number<std::uint64_t>(text);
  if (!seconds) return std::nullopt;
  return static_cast<std::int64_t>(*seconds);
}

}  // namespace

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.starts_with('0')) return std::nullopt;
  return whole_number<std::uint16_t>(text);
}

std::optional<PortHost> parse_port_host(std::string_view host) {
  const auto dot = host.find('.');
  if (dot == std::string_view::npos || dot + 1 == host.size()) return std::nullopt;
  const std::string_view label = host.substr(0, dot);
  const auto dash = label.find('-');
  if (dash == std::string_view::npos || !store::is_id(label.substr(dash + 1))) return std::nullopt;
  const auto port = parse_port(label.substr(0, dash));
  if (!port) return std::nullopt;
  return PortHost{.name = {.sandbox_id = std::string(label.substr(dash + 1)), .port = *port},
                  .domain = std::string(host.substr(dot + 1))};
}

std::string PreviewSigner::signature(const PortName& name, std::string_view expiry) const {
  const std::string text =
      "brig preview 1\n" + name.sandbox_id + "\n" + std::to_string(name.port) + "\n" + std::string(expiry);
  return hmac_hex(secret_, text);
}

std::string PreviewSigner::sign(const PortName& name, WallTime expires_at) const {
  const std::string expiry = std::to_string(milliseconds_since_1970(expires_at) / 1000);
  return expiry + "." + signature(name, expiry);
}

Result<> PreviewSigner::check(const PortName& name, std::string_view pass, WallTime now) const {
  const auto dot = pass.find('.');
  const std::string_view expiry = pass.substr(0, dot);
  const auto seconds = parse_expiry(expiry);
  const std::string_view presented = dot == std::string_view::npos ? std::string_view() : pass.substr(dot + 1);
  const std::string right = signature(name, seconds ? expiry : "");
  if (!seconds || presented.size() != right.size() || CRYPTO_memcmp(presented.data(), right.data(), right.size()) != 0)
    return Error(Code::kDenied, "this preview's address is not one that was made here for this port");
  if (milliseconds_since_1970(now) / 1000 >= *seconds) return Error(Code::kDenied, "this preview has expired");
  return {};
}

std::string without_parameter(std::string_view target, std::string_view name) {
  const auto mark = target.find('?');
  std::string left(target.substr(0, mark));
  if (mark == std::string_view::npos) return left;
  char glue = '?';
  for (std::string_view query = target.substr(mark + 1);;) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    const auto decoded = http::percent_decode(pair.substr(0, pair.find('=')), http::Plus::kBlank);
    if (!decoded || *decoded != name) {
      left += glue;
      left += pair;
      glue = '&';
    }
    if (end == std::string_view::npos) return left;
    query.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> cookies_named(std::string_view field, std::string_view name) {
  std::vector<std::string_view> values;
  while (!field.empty()) {
    const std::string_view pair = next_part(field, ';');
    const auto equals = pair.find('=');
    if (is_named(pair, name) && equals != std::string_view::npos)
      values.push_back(http::trimmed(pair.substr(equals + 1)));
  }
  return values;
}

std::string without_cookie(std::string_view field, std::string_view name) {
  std::string left;
  while (!field.empty()) {
    const std::string_view pair = http::trimmed(next_part(field, ';'));
    if (pair.empty() || is_named(pair, name)) continue;
    if (!left.empty()) left += "; ";
    left += pair;
  }
  return left;
}

std::optional<std::string> tame_cookie(std::string_view field) {
  const std::string_view pair = next_part(field, ';');
  if (is_named(pair, kPreviewName)) return std::nullopt;
  std::string tame(http::trimmed(pair));
  while (!field.empty()) {
    const std::string_view attribute = http::trimmed(next_part(field, ';'));
    if (http::equals_ignoring_case(http::trimmed(attribute.substr(0, attribute.find('='))), "domain")) continue;
    tame.append("; ").append(attribute);
  }
  return tame;
}

}  // namespace brig::api
