/// 411_swap: calls swapon and swapoff with a path that does not exist.
/// Expected: the filter, and no CAP_SYS_ADMIN.
#include <sys/swap.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return worst(
      {refused("swapon", ::swapon("/nonexistent/brig", 0)), refused("swapoff", ::swapoff("/nonexistent/brig"))});
}

}  // namespace

constinit const Probe k411Swap = {
    .name = "411_swap",
    .group = Group::kKernel,
    .attack = "make the machine swap to a file of one's own",
    .cve = "",
    .refusal = "the filter, and no CAP_SYS_ADMIN",
    .run = run,
    .needs_root = true,
    .needs = "a kernel with swap",
};

}  // namespace brig::attack::probes
