/// 438_disk_layout: asks for the extents of a program of the host.
/// Expected: the filter.
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const Fd file(::open("/usr/bin/env", O_RDONLY | O_CLOEXEC));
  // struct fiemap: start, length, then flags and counts. It counts the extents, for there is room for none.
  std::array<std::uint64_t, sizeof(fiemap) / sizeof(std::uint64_t)> request{0, FIEMAP_MAX_OFFSET};
  return refused("FS_IOC_FIEMAP", ::ioctl(file.get(), FS_IOC_FIEMAP, request.data()), {EOPNOTSUPP});
}

}  // namespace

constinit const Probe k438DiskLayout = {
    .name = "438_disk_layout",
    .group = Group::kKernel,
    .attack = "learn where a file of the host lies on its disk (FIEMAP)",
    .cve = "",
    .refusal = "the filter",
    .run = run,
    .needs = "a file system with FIEMAP below /usr",
};

}  // namespace brig::attack::probes
