#pragma once
/// Text that came from outside, made safe to show; and «did you mean».
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace brig {

/// `text` cut to `limit` bytes with every byte that could drive a terminal or forge a log line (C0, DEL, C1, invalid
/// UTF-8) written as \xNN. For messages and logs, never for the program's own output.
std::string printable(std::string_view text, std::size_t limit = 200);

/// True if `text` is well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
[[nodiscard]] bool is_utf8(std::string_view text);

/// The candidate closest to `word` (edit distance at most a third of its length), or empty.
std::string_view closest(std::string_view word, std::span<const std::string_view> candidates);

/// " (did you mean \"x\"?)", or empty when nothing is close.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace brig
