/// 001_host_shadow: opens /etc/shadow and its like; a success is enough, nothing is read.
/// Expected: the file is not in the sandbox's own /etc.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any({"/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/security/opasswd"}, O_RDONLY);
}

}  // namespace

constinit const Probe k001HostShadow = {
    .name = "001_host_shadow",
    .group = Group::kFiles,
    .attack = "read the host's password hashes",
    .cve = "",
    .refusal = "the file is not in the sandbox's own /etc",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
