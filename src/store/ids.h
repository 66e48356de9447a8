#pragma once
/// Names that the store gives: ids of records, and the text of keys.
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace brig::store {

inline constexpr std::size_t kIdLength = 20;

/// 20 random characters of [a-z2-9] without look-alikes (no i, l, o, 0, 1), the first a letter: 98 bits. Usable as a
/// DNS label, a cgroup's name and a file's name.
std::string make_id();
/// Could make_id() have made it? For what comes in a URL.
bool is_id(std::string_view text);

/// The prefixes that clients of several kinds insist on. They mean nothing: all name the same key.
inline constexpr std::array<std::string_view, 3> kKeyPrefixes{"brig_", "pds_", "e2b_"};
inline constexpr std::size_t kKeyDigits = 40;

/// 40 random hexadecimal digits (160 bits).
std::string make_key_digits();
/// The digits of a presented key, behind any of the prefixes or none; nothing if it is none.
std::optional<std::string_view> key_digits(std::string_view presented);

/// SHA-256, 32 bytes. Enough for keys: a slow hash protects secrets that can be guessed, and 160 random bits cannot.
std::string sha256(std::string_view bytes);

}  // namespace brig::store
