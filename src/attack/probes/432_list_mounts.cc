/// 432_list_mounts: calls listmount for the root of its mount namespace.
/// Published: a default-deny filter refuses what it does not know.
/// Expected: the filter.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  struct {
    std::uint32_t size = 24, spare = 0;
    std::uint64_t mount = ~0ULL, parameter = 0;
  } request;
  std::uint64_t ids[4];
  return refused("listmount", ::syscall(458, &request, ids, 4UL, 0U));
}

}  // namespace

constinit const Probe k432ListMounts = {
    .name = "432_list_mounts",
    .group = Group::kKernel,
    .attack = "list mounts by the newest system calls",
    .cve = "a default-deny filter refuses what it does not know",
    .refusal = "the filter",
    .run = run,
    .needs = "a kernel with listmount (6.8)",
};

}  // namespace brig::attack::probes
