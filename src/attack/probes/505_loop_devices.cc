/// 505_loop_devices: opens the control device of loop and closes it.
/// Expected: the sandbox has a /dev of its own.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_open_any({"/dev/loop-control", "/dev/mapper/control", "/dev/nbd0"}, O_RDWR); }

}  // namespace

constinit const Probe k505LoopDevices = {
    .name = "505_loop_devices",
    .group = Group::kDevices,
    .attack = "attach a disk image of one's own",
    .cve = "",
    .refusal = "the sandbox has a /dev of its own",
    .run = run,
    .needs_root = true,
    .needs = "a host with loop devices",
};

}  // namespace brig::attack::probes
