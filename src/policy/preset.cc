#include "policy/preset.h"

#include <algorithm>

namespace brig::policy {
namespace {

Policy strict() {
  Policy policy;
  policy.limits = {
      .timeout = Milliseconds(10'000),
      .cpu_time = Milliseconds(10'000),
      .memory = mebibytes(128),
      .cpu_millis = 500,
      .pids = 32,
      .open_files = 256,
      .disk = mebibytes(32),
      .inodes = 2000,
      .output = kibibytes(256),
      .output_total = mebibytes(16),
      .out_files = 100,
  };
  policy.libraries.allow.clear();
  policy.on_weakness = OnWeakness::kRefuse;
  return policy;
}

Policy lenient() {
  Policy policy;
  policy.limits = {
      .timeout = Milliseconds(600'000),
      .cpu_time = std::nullopt,
      .memory = gibibytes(2),
      .cpu_millis = 4000,
      .pids = 512,
      .open_files = 8192,
      .disk = gibibytes(1),
      .inodes = 200'000,
      .output = mebibytes(16),
      .output_total = gibibytes(16),
      .out_files = 10'000,
  };
  return policy;
}

}  // namespace

Policy preset(Preset preset) {
  switch (preset) {
    case Preset::kStrict: return strict();
    case Preset::kDefault: return {};
    case Preset::kLenient: return lenient();
  }
  return strict();
}

std::optional<Preset> find_preset(std::string_view name) {
  const auto found = std::ranges::find(kPresetNames, name);
  if (found == kPresetNames.end()) return std::nullopt;
  return static_cast<Preset>(found - kPresetNames.begin());
}

}  // namespace brig::policy
