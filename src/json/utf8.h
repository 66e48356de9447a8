#pragma once
/// What a program printed, as text that JSON can carry.
#include <string>
#include <string_view>

namespace brig::json {

/// `bytes` with every ill-formed part replaced by U+FFFD, one for each maximal part (Unicode 15, section 3.9: what Python's
/// "replace" and browsers do). Well-formed text comes back unchanged.
std::string utf8_lossy(std::string_view bytes);

}  // namespace brig::json
