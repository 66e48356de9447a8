#include "store/records.h"

#include <array>

namespace brig::store {
namespace {
constexpr std::array<std::string_view, 6> kStates{"creating", "running", "paused", "hibernated", "killed", "failed"};
}

std::string_view to_string(SandboxState state) { return kStates.at(static_cast<std::size_t>(state)); }

std::optional<SandboxState> parse_sandbox_state(std::string_view text) {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    if (kStates[i] == text) return static_cast<SandboxState>(i);
  }
  return std::nullopt;
}

}  // namespace brig::store
