#pragma once
/// Presets: the three starting points of a policy.
#include <array>
#include <optional>
#include <string_view>

#include "policy/policy.h"

namespace brig::policy {

enum class Preset : std::uint8_t { kStrict, kDefault, kLenient };

inline constexpr std::array<std::string_view, 3> kPresetNames{"strict", "default", "lenient"};

/// kDefault is Policy{}. kStrict is smaller and refuses a host that cannot enforce all of it. kLenient is larger, and
/// no weaker in anything but size.
Policy preset(Preset preset);

/// The preset of that name, or none.
std::optional<Preset> find_preset(std::string_view name);

}  // namespace brig::policy
