#pragma once
/// Where a daemon keeps its state unless it is told.
#include <string>

namespace brig::cli {

/// /var/lib/brig for root; otherwise "brig" in XDG_STATE_HOME (or ~/.local/state). Empty without an absolute HOME.
std::string default_state_dir();

}  // namespace brig::cli
