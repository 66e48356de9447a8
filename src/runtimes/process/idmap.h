#pragma once
/// Mounts made by root for a sandbox: a copy of a host file or folder that its user may read although root owns it.
#include "base/fd.h"
#include "base/result.h"
#include "runtimes/process/launch.h"

namespace brig::runtimes::process {

/// A detached, nosuid, nodev mount of what `source` (O_PATH) names, read-only unless the request says otherwise.
/// What others cannot read (or the sandbox shall write) is shown with its owner mapped to `outside_uid`; kUnsupported
/// if the file system cannot do that.
Result<Fd> make_mount(FdRef source, const LaunchMount& mount, std::uint32_t outside_uid);

}  // namespace brig::runtimes::process
