#pragma once
/// UTF-8: what a program printed as text that JSON can carry, checks, and single characters.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace brig::json {

/// `bytes` with every ill-formed part replaced by U+FFFD, one for each maximal part (Unicode 15, section 3.9: what
/// Python's "replace" and browsers do). Well-formed text comes back unchanged.
std::string utf8_lossy(std::string_view bytes);

/// The offset of the first byte that does not belong to well-formed UTF-8, if there is one.
std::optional<std::size_t> first_invalid_utf8(std::string_view bytes);

/// How many of `bytes` may be handed on without cutting a character whose end is still to come.
std::size_t whole_characters(std::string_view bytes);

/// Appends the character number `code`, at most 0x10ffff and no surrogate.
void append_utf8(std::string& out, std::uint32_t code);

}  // namespace brig::json
