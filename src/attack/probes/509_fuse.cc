/// 509_fuse: opens /dev/fuse and closes it.
/// Expected: the sandbox has a /dev of its own.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_open("/dev/fuse", O_RDWR); }

}  // namespace

constinit const Probe k509Fuse = {
    .name = "509_fuse",
    .group = Group::kDevices,
    .attack = "serve a file system of one's own to the host",
    .cve = "",
    .refusal = "the sandbox has a /dev of its own",
    .run = run,
    .needs_root = true,
    .needs = "a host with /dev/fuse",
    .own_kernel = "the device is its own kernel's",
};

}  // namespace brig::attack::probes
