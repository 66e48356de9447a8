#pragma once
/// The template `host`: the one that every machine has, without an image.
#include <string_view>

#include "base/result.h"

namespace brig::image {

inline constexpr std::string_view kHostName = "host";

/// The name of a template that is to be looked for: kInvalidArgument for what cannot be one, and for `host`.
Result<> check_own_name(std::string_view name);

}  // namespace brig::image
