/// 503_dev_mem: opens /dev/mem, /dev/kmem and /dev/port and reads nothing.
/// Expected: the sandbox has a /dev of its own.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_open_any({"/dev/mem", "/dev/kmem", "/dev/port"}, O_RDONLY); }

}  // namespace

constinit const Probe k503DevMem = {
    .name = "503_dev_mem",
    .group = Group::kDevices,
    .attack = "read the machine's memory by its device",
    .cve = "",
    .refusal = "the sandbox has a /dev of its own",
    .run = run,
    .needs_root = true,
    .needs = "a host with /dev/mem",
};

}  // namespace brig::attack::probes
