#pragma once
/// Paths of archive members: relative, with nothing in them that leads anywhere else.
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace brig::image {

inline constexpr std::size_t kPathMost = 4095;
inline constexpr std::size_t kNameMost = 255;
inline constexpr std::size_t kDepthMost = 200;

/// `text` without "." and empty components; empty for the root itself. kInvalidArgument for an absolute path, "..",
/// NUL, or more than the bounds above.
Result<std::string> clean_member_path(std::string_view text);

/// The part before the last "/", or empty; and the part after it.
std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);

/// Where a link at `from` with `target` leads inside the archive, as text; kInvalidArgument if it leads out of it.
Result<std::string> resolve_member_link(std::string_view from, std::string_view target);

}  // namespace brig::image
