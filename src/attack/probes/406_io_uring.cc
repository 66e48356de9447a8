/// 406_io_uring: asks for a ring without a place to describe it.
/// Published: CVE-2021-41073, CVE-2022-29582, CVE-2023-2598.
/// Expected: the filter.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return refused("io_uring_setup", ::syscall(SYS_io_uring_setup, 1, nullptr)); }

}  // namespace

constinit const Probe k406IoUring = {
    .name = "406_io_uring",
    .group = Group::kKernel,
    .attack = "reach io_uring, which walks past system-call filters",
    .cve = "CVE-2021-41073, CVE-2022-29582, CVE-2023-2598",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
