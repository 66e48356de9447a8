#pragma once
/// Overrides: what the flags of `brig run` change in a policy, as the raw texts a person typed.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"

namespace brig::policy {

struct Overrides {
  std::optional<std::string> timeout = {};
  std::optional<std::string> cpu_time = {};
  std::optional<std::string> memory = {};
  std::optional<std::string> cpus = {};
  std::optional<std::string> pids = {};
  std::optional<std::string> disk = {};
  std::optional<std::string> output = {};
  std::optional<std::string> require = {};  ///< a boundary
  std::optional<std::string> runtime = {};  ///< a wall's name, or how to choose one
  std::vector<std::string> in = {};         ///< HOST[:GUEST], see parse_in
  std::vector<std::string> env =
      {};  ///< NAME=VALUE; replaces a variable of the policy, and the later of two flags wins
  std::vector<std::string> lib = {};  ///< NAME[,NAME…]: added to what the policy uses
  bool is_weakness_refused = false;   ///< --no-weaknesses
};

/// `policy` with the overrides, validated. kInvalidArgument with a sentence that starts with the flag ("--memory: …").
/// Relative host paths are against `working_folder`, which is absolute.
Result<Policy> apply(Policy policy, const Overrides& overrides, std::string_view working_folder);

/// The read-only mount that `--in TEXT` asks for. The text is split at its last ":/", so that a host path may contain
/// colons; a guest path is therefore always absolute. Without one the mount shows at /workspace/<last part of the host
/// path>.
Result<Mount> parse_in(std::string_view text, std::string_view working_folder);

/// The variable that `--env TEXT` asks for. "NAME" alone is refused: the host's environment never enters by itself.
Result<Variable> parse_env(std::string_view text);

}  // namespace brig::policy
