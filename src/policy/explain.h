#pragma once
/// explain: the effective policy, for people and for programs.
#include <string>

#include "policy/policy.h"

namespace brig::policy {

/// One line for each key with its value, and the default where the value differs from it. Ends with a newline.
std::string explain(const Policy& policy);

/// One JSON object in the shape of the policy file, every key present, and "changed": the paths whose values are not
/// the default.
std::string explain_json(const Policy& policy);

}  // namespace brig::policy
