#pragma once
/// Policy files: from TOML and to TOML. docs/policy.md describes the format.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"

namespace brig::policy {

/// The policy that `text` describes, validated. The first thing wrong is kInvalidArgument "FILE:LINE:COLUMN: what and
/// what to do" (kExhausted "FILE: …" for a text of more than 256 KiB). `file_name` is for messages only; nothing is
/// opened. `places`, if given, gets "FILE:LINE:COLUMN" of each mount's source, for whoever opens it.
Result<Policy> parse_policy(std::string_view text, std::string_view file_name,
                            std::vector<std::string>* places = nullptr);

/// A policy file with every key, which parse_policy reads back as the same value. `policy` is valid.
std::string to_toml(const Policy& policy);

}  // namespace brig::policy
