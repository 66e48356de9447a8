#pragma once
/// Compiles the profile with libseccomp. Used at build time (apps/brig-seccomp) and by tests; the programs that ship
/// carry the result.
#include <cstdint>
#include <string>

#include "base/result.h"

namespace brig::runtimes::process {

enum class Architecture : std::uint8_t { kX86_64, kAarch64 };
std::string_view to_string(Architecture architecture);

struct CompiledProfile {
  std::string program;        ///< array of sock_filter for that architecture (both are little-endian)
  std::string text;           ///< libseccomp's pseudo filter code, for review
  std::uint32_t allowed = 0;  ///< system calls that may be made, with whatever arguments
};

Result<CompiledProfile> compile_profile(Architecture architecture);

}  // namespace brig::runtimes::process
