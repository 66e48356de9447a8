/// 420_open_tree: clones the mount its working folder lies in and closes it.
/// Expected: the filter.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  constexpr unsigned kClone = 1;  // OPEN_TREE_CLONE
  return refused("open_tree", ::syscall(SYS_open_tree, AT_FDCWD, ".", kClone | O_CLOEXEC));
}

}  // namespace

constinit const Probe k420OpenTree = {
    .name = "420_open_tree",
    .group = Group::kKernel,
    .attack = "reach the new mount interface: copy a mount",
    .cve = "",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
