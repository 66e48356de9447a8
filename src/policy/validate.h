#pragma once
/// validate: what no single key can say about a policy.
#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "policy/policy.h"

namespace brig::policy {

inline constexpr std::size_t kMostMounts = 64;
inline constexpr std::size_t kMostLibraries = 64;
inline constexpr std::size_t kMostEnvironmentBytes = std::size_t{64} << 10;  ///< names, values, '=' and NUL

/// Whether a runtime may be asked to enforce `policy`: every key in range, mounts that do not break the sandbox or each
/// other, variables that an environment can hold. What passes can be written as TOML and as JSON exactly.
/// kInvalidArgument with a sentence that starts with the key, else.
Result<> validate(const Policy& policy);

/// The part of validate() that concerns the last mount: its paths, and whether it is in the way of those before it.
Result<> check_last_mount(const Policy& policy);

/// The part of validate() that concerns the wall: whether it could be one's name.
Result<> check_runtime(std::string_view name);

/// A package's name as all its spellings have it: "Scikit_Learn" is "scikit-learn" (PEP 503). kInvalidArgument for what
/// names no package.
Result<std::string> normalised_library(std::string_view name);

/// The part of validate() that concerns libraries: sound names, and nothing in use that is not allowed.
Result<> check_libraries(const Libraries& libraries);

/// The part of validate() that concerns one variable.
Result<> check_variable(const Variable& variable);

}  // namespace brig::policy
