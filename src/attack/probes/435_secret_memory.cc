/// 435_secret_memory: asks for a secret memory file and closes it.
/// Expected: the filter.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return refused("memfd_secret", ::syscall(447, 0)); }

}  // namespace

constinit const Probe k435SecretMemory = {
    .name = "435_secret_memory",
    .group = Group::kKernel,
    .attack = "hide memory from the host's accounting (memfd_secret)",
    .cve = "",
    .refusal = "the filter",
    .run = run,
    .needs = "a kernel with memfd_secret",
};

}  // namespace brig::attack::probes
