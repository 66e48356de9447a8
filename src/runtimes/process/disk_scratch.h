#pragma once
/// Scratch on the disk, for sandboxes whose --disk is larger than what a tmpfs could hold in their memory: an ext4 file
/// system in a sparse file without a name, so that nothing is left of it whoever dies.
#include <cstdint>

#include "base/fd.h"
#include "base/result.h"
#include "base/units.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/launch.h"

namespace brig::runtimes::process {

/// Whether this sandbox's scratch lies on the disk. Pure.
[[nodiscard]] bool is_scratch_on_disk(const LaunchRequest& request, const HostReport& host);

/// Whether this host can make one: asked once.
[[nodiscard]] bool may_make_disk_scratch();

/// The file system as a mount that hangs nowhere yet; its root belongs to `owner`. Takes about 100 ms.
Result<Fd> make_disk_scratch(Bytes bytes, std::uint32_t inodes, std::uint32_t owner);

}  // namespace brig::runtimes::process
