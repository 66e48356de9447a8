/// 310_chroot: calls chroot in a child, then walks up from a folder that stayed outside.
/// Published: the classic chroot escape.
/// Expected: no CAP_SYS_CHROOT, the filter, and the root is a pivoted one.
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args&) { return refused("chroot", ::chroot(".")); }
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k310Chroot = {
    .name = "310_chroot",
    .group = Group::kProcess,
    .attack = "break out of a changed root with a second chroot",
    .cve = "the classic chroot escape",
    .refusal = "no CAP_SYS_CHROOT, the filter, and the root is a pivoted one",
    .run = run,
};

}  // namespace brig::attack::probes
