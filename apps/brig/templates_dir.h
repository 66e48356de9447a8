#pragma once
/// Where templates are kept unless it is said.
#include <optional>
#include <string>

#include "base/paths.h"
#include "base/result.h"

namespace brig::cli {

/// `given` made absolute; else /var/lib/brig-templates for root and "brig/templates" in XDG_STATE_HOME for others. Not
/// in the daemon's state folder, which is the daemon's own: who could exchange an image would exchange the system that
/// sandboxes run on, and the kernel mounts it.
Result<HostPath> templates_folder(const std::optional<std::string>& given);

}  // namespace brig::cli
