#pragma once
/// Preload: the Python modules that a template's warm interpreters have imported before any code comes. The template's
/// own choice; where it makes none, the usual ones are taken.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace brig::image {

inline constexpr std::size_t kPreloadMost = 32;
inline constexpr std::size_t kModuleNameMost = 128;  ///< bytes
/// Of a Dockerfile, and of an image's configuration: LABEL brig.preload="numpy pandas".
inline constexpr std::string_view kPreloadLabel = "brig.preload";

/// "numpy", "matplotlib.pyplot": names of ASCII letters, digits and "_", joined by dots. It can be handed to an
/// interpreter as an argument: it begins with no "-".
[[nodiscard]] bool is_module_name(std::string_view text);
/// kInvalidArgument for more than kPreloadMost, and for what is no module's name.
Result<> check_preload(std::span<const std::string> modules);
/// Names apart by blanks or commas, as a label has them. An empty text is none.
Result<std::vector<std::string>> parse_preload(std::string_view text);

}  // namespace brig::image
