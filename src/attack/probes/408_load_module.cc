/// 408_load_module: loads an empty module, and one from no file, and unloads one that does not exist.
/// Expected: the filter, and no CAP_SYS_MODULE.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return worst({refused("init_module", ::syscall(SYS_init_module, nullptr, 0UL, "")),
                refused("finit_module", ::syscall(SYS_finit_module, -1, "", 0)),
                refused("delete_module", ::syscall(SYS_delete_module, "brig_no_such_module", O_NONBLOCK))});
}

}  // namespace

constinit const Probe k408LoadModule = {
    .name = "408_load_module",
    .group = Group::kKernel,
    .attack = "load a kernel module",
    .cve = "",
    .refusal = "the filter, and no CAP_SYS_MODULE",
    .run = run,
    .needs_root = true,
    .needs = "a kernel with modules",
};

}  // namespace brig::attack::probes
