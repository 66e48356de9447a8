#pragma once
/// Mounts made by root for a sandbox: a copy of a host file or folder that its user may read although root owns it.
#include <cstdint>

#include "base/fd.h"
#include "base/result.h"
#include "runtimes/process/asker.h"
#include "runtimes/process/launch.h"

namespace brig::runtimes::process {

/// A detached, nosuid, nodev mount of what `source` names, read-only unless the request says otherwise. What others
/// cannot read (or the sandbox shall write) is shown with an id mapped to `outside_uid`: its owner's for the launcher's
/// own user, else the asker's, so that the sandbox reads what the asker could. kUnsupported if the file system cannot
/// do that.
Result<Fd> make_mount(FdRef source, const LaunchMount& mount, const Asker& asker, std::uint32_t outside_uid);

/// One user and one group of a file system, and the id both are shown as.
struct IdMapping {
  std::uint32_t owner = 0;
  std::uint32_t group = 0;
  std::uint32_t outside = 0;
};

/// Shows the files of a mount that hangs nowhere yet with these owners.
Result<> map_mount(FdRef mount, IdMapping ids);

}  // namespace brig::runtimes::process
