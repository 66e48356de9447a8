/// 415_io_ports: asks for permission to one port and for privilege level 3 in a child, and touches no port.
/// Expected: the filter, and no CAP_SYS_RAWIO.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

#if defined(SYS_iopl)
Finding attempt(const Args&) {
  return worst({refused("iopl", ::syscall(SYS_iopl, 3)), refused("ioperm", ::syscall(SYS_ioperm, 0x80, 1, 1))});
}
Finding run(const Args& args) { return in_child(attempt, args); }
#else
Finding run(const Args&) { return not_applicable("this architecture has no ports"); }
#endif

}  // namespace

constinit const Probe k415IoPorts = {
    .name = "415_io_ports",
    .group = Group::kKernel,
    .attack = "drive hardware by its ports",
    .cve = "",
    .refusal = "the filter, and no CAP_SYS_RAWIO",
    .run = run,
    .needs_root = true,
    .needs = "a kernel with iopl",
};

}  // namespace brig::attack::probes
