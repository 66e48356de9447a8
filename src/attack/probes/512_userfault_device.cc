/// 512_userfault_device: opens /dev/userfaultfd and closes it.
/// Expected: the sandbox has a /dev of its own.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_open("/dev/userfaultfd", O_RDWR); }

}  // namespace

constinit const Probe k512UserfaultDevice = {
    .name = "512_userfault_device",
    .group = Group::kDevices,
    .attack = "hold the kernel still by /dev/userfaultfd",
    .cve = "",
    .refusal = "the sandbox has a /dev of its own",
    .run = run,
    .needs_root = true,
    .needs = "a host with /dev/userfaultfd",
};

}  // namespace brig::attack::probes
