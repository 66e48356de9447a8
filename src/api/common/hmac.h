#pragma once
/// Signatures of what a client is given and brings back.
#include <string>
#include <string_view>

namespace brig::api {

/// HMAC-SHA256 of `text`: 64 hexadecimal digits.
[[nodiscard]] std::string hmac_hex(std::string_view secret, std::string_view text);

}  // namespace brig::api
