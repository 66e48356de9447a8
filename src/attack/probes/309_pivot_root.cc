/// 309_pivot_root: calls pivot_root with folders that do not exist: the kernel asks for the privilege first.
/// Expected: no CAP_SYS_ADMIN, the filter.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return refused("pivot_root", ::syscall(SYS_pivot_root, "/nonexistent/new", "/nonexistent/old"));
}

}  // namespace

constinit const Probe k309PivotRoot = {
    .name = "309_pivot_root",
    .group = Group::kProcess,
    .attack = "change the root of the mount namespace",
    .cve = "",
    .refusal = "no CAP_SYS_ADMIN, the filter",
    .run = run,
};

}  // namespace brig::attack::probes
