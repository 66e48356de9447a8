#pragma once
/// Base64 as RFC 4648, section 4, has it: the alphabet with "+" and "/", with padding.
#include <optional>
#include <string>
#include <string_view>

namespace brig {

std::string to_base64(std::string_view bytes);
/// The bytes of `text`, or none if it is anything else.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace brig
