#pragma once
/// Which release of gVisor a runsc is, and what is known to fail in it.
#include <optional>
#include <string>
#include <string_view>

#include "runtimes/oci/program.h"

namespace brig::runtimes::oci {

/// gVisor's releases are dates. The first that ignores AT_NO_AUTOMOUNT in statx() is release-20230227.0 (its commit
/// 7a0c4b574, "Ignore AT_NO_AUTOMOUNT flag in statx() calls"); those before answer EINVAL, and coreutils' ls, stat and
/// others ask with that flag.
inline constexpr int kKnowsStatxFlags = 20230227;

/// 20221219 of "runsc version 0.0~20221219.0" or "runsc version release-20221219.0"; none if no date is in it.
std::optional<int> release_in(std::string_view version);

/// What ordinary programs stumble over in that release; empty if nothing is known.
std::string breaks_in(std::optional<int> release);

/// Asks the program (`--version`): some 30 ms, two seconds at the most. None if it gives no answer that names a date.
std::optional<int> release_of(const Program& program);

}  // namespace brig::runtimes::oci
