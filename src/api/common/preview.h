#pragma once
/// Names and passes of ports: which port of which sandbox a host name means, and signed previews that let somebody
/// without a key in until a moment. Pure.
///
/// A pass is "EXPIRY.SIGNATURE": seconds since 1970, and HMAC-SHA256 over sandbox, port and expiry in hexadecimal. It
/// comes as the parameter `brig_preview` of the first request and as a cookie of the same name after it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/wall_time.h"

namespace brig::api {

inline constexpr std::string_view kPreviewName = "brig_preview";

struct PortName {
  std::string sandbox_id;
  std::uint16_t port = 0;
  bool operator==(const PortName&) const = default;
};

/// 1 to 65535 in decimal digits, without leading zeros.
std::optional<std::uint16_t> parse_port(std::string_view text);

/// "8000-{id}.localhost": the port and the sandbox of the first label, and the domain behind it. `host` is in small
/// letters and without a port of its own. Nothing for any other name.
struct PortHost {
  PortName name;
  std::string domain;
};
std::optional<PortHost> parse_port_host(std::string_view host);

class PreviewSigner {
 public:
  explicit PreviewSigner(std::string secret) : secret_(std::move(secret)) {}
  [[nodiscard]] std::string sign(const PortName& name, WallTime expires_at) const;
  /// kDenied, in words for the visitor, unless sign() made it for this port and its moment has not come. Compared in
  /// constant time.
  [[nodiscard]] Result<> check(const PortName& name, std::string_view pass, WallTime now) const;

 private:
  [[nodiscard]] std::string signature(const PortName& name, std::string_view expiry) const;
  std::string secret_;
};

/// A target ("/a?b=c") without every parameter of this name, however it is spelled; the rest as it came.
std::string without_parameter(std::string_view target, std::string_view name);
/// The values of the cookies of this name in a Cookie field.
std::vector<std::string_view> cookies_named(std::string_view field, std::string_view name);
/// A Cookie field without the cookies of this name; may be empty.
std::string without_cookie(std::string_view field, std::string_view name);
/// A Set-Cookie of a guest's, made to concern its own host name alone: without Domain. Nothing if it is to be dropped:
/// it would replace our own.
std::optional<std::string> tame_cookie(std::string_view field);

}  // namespace brig::api
