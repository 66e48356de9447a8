#pragma once
/// The Python packages that a run has beside its template's own.
#include <expected>
#include <optional>
#include <string>

#include "image/catalog.h"
#include "policy/policy.h"

namespace brig::cli {

struct LibraryOptions {
  std::optional<std::string> wheels;         ///< --wheels
  std::optional<std::string> templates_dir;  ///< --templates-dir
};

/// The policy with a mount of what it uses, which is installed first (by brig-template, in a sandbox) unless it is
/// there and current. Else the exit code of what could not be done, which has been said.
std::expected<policy::Policy, int> with_libraries(policy::Policy policy, const std::optional<image::Template>& chosen,
                                                  const LibraryOptions& options);

}  // namespace brig::cli
