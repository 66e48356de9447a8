/// 508_console: opens the console and the memory of its screen, and reads nothing.
/// Expected: the sandbox has a /dev of its own.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_open_any({"/dev/console", "/dev/tty0", "/dev/tty1", "/dev/vcs1"}, O_RDONLY); }

}  // namespace

constinit const Probe k508Console = {
    .name = "508_console",
    .group = Group::kDevices,
    .attack = "read the console and its screen",
    .cve = "",
    .refusal = "the sandbox has a /dev of its own",
    .run = run,
    .needs_root = true,
    .needs = "a host with a console",
};

}  // namespace brig::attack::probes
