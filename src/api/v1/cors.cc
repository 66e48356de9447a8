#include "api/v1/cors.h"

#include <algorithm>

#include "base/number.h"
#include "base/text.h"

namespace brig::api::v1 {
namespace {

/// What our answers say in headers of their own.
constexpr std::string_view kExposed =
    "Accept-Ranges, Brig-Dropped, Brig-Next-Offset, Brig-Offset, Brig-Process-Id, Brig-Running, Content-Range, "
    "Idempotent-Replayed, Location, Mcp-Session-Id, Retry-After, X-Next-Token, X-Request-Id";
constexpr std::string_view kMethods = "GET, HEAD, POST, PUT, PATCH, DELETE";
constexpr std::string_view kHeaders =
    "Authorization, Content-Type, Idempotency-Key, If-Range, Last-Event-ID, MCP-Protocol-Version, Mcp-Method, "
    "Mcp-Name, Mcp-Session-Id, Range, X-API-Key, X-Request-Id, "
    // E2B's clients: of the agent, and what they tell of themselves.
    "Connect-Protocol-Version, Connect-Timeout-Ms, Content-Encoding, E2b-Sandbox-Id, E2b-Sandbox-Port, "
    "Keepalive-Ping-Interval, X-Access-Token, "
    "browser, lang, lang_version, package_version, publisher, sdk_runtime, system, User-Agent";
/// Seconds for which a browser need not ask again.
constexpr std::string_view kRemembered = "600";

/// Of a server inside, by path.
bool is_guests(const http::Exchange& exchange, std::string_view method) {
  const std::vector<std::string>& segments = exchange.target().segments;
  if (segments.size() < 5 || segments[0] != "v1" || segments[1] != "sandboxes" || segments[3] != "ports") return false;
  return segments.size() != 6 || segments[5] != "preview" || method != "POST";
}

bool is_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']'))
    return text.size() > 2 && text.find_first_not_of("0123456789abcdef:.", 1) == text.size() - 1;
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") == std::string_view::npos;
}

}  // namespace

Result<std::string> check_origin(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return Error(Code::kInvalidArgument, "\"" + printable(text, 100) + "\" " + std::string(why));
  };
  if (text == "*" || text == "null")
    return refuse("would let pages use the API that nobody knows; name each origin that may");
  const bool is_tls = text.starts_with("https://");
  if (!is_tls && !text.starts_with("http://"))
    return refuse("is no origin: https://HOST[:PORT] or http://HOST[:PORT] is expected");
  std::string_view host = text.substr(text.find("//") + 2);
  if (const std::size_t colon = host.rfind(':'); colon != std::string_view::npos && !host.ends_with(']')) {
    const auto port = whole_number<std::uint16_t>(host.substr(colon + 1));
    if (!port || *port == 0 || host.substr(colon + 1).starts_with('0')) return refuse("has no port from 1 to 65535");
    if (*port == (is_tls ? 443 : 80)) return refuse("names its scheme's own port, which a browser leaves out");
    host = host.substr(0, colon);
  }
  if (!is_host(host)) return refuse("is no origin: a host in small letters, without a path, is expected");
  return std::string(text);
}

bool Cors::admit(http::Exchange& exchange) const {
  if (origins_.empty()) return false;
  const bool is_question = exchange.method() == "OPTIONS";
  const std::string* asked = is_question ? exchange.header("Access-Control-Request-Method") : nullptr;
  if (is_guests(exchange, asked != nullptr ? *asked : exchange.method())) return false;
  exchange.add_header("Vary", "Origin");
  const std::string* origin = exchange.header("Origin");
  if (origin == nullptr || std::ranges::find(origins_, *origin) == origins_.end()) return false;
  exchange.add_header("Access-Control-Allow-Origin", *origin);
  if (asked == nullptr) {
    exchange.add_header("Access-Control-Expose-Headers", std::string(kExposed));
    return false;
  }
  return true;
}

Task<> Cors::answer_preflight(http::Exchange& exchange) {
  http::Headers headers{{"Access-Control-Allow-Methods", std::string(kMethods)},
                        {"Access-Control-Allow-Headers", std::string(kHeaders)},
                        {"Access-Control-Max-Age", std::string(kRemembered)}};
  // From a page of the public network to this machine.
  if (exchange.header("Access-Control-Request-Private-Network") != nullptr)
    headers.add("Access-Control-Allow-Private-Network", "true");
  co_return co_await exchange.send(204, std::move(headers), {});
}

}  // namespace brig::api::v1
