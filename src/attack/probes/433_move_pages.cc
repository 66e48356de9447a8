/// 433_move_pages: asks to move none of the supervisor's pages.
/// Published: CVE-2017-14140.
/// Expected: the filter, and pid 1 is not dumpable.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  return refused("move_pages",
                 ::syscall(SYS_move_pages, args.number("supervisor", 1), 0UL, nullptr, nullptr, nullptr, 0));
}

}  // namespace

constinit const Probe k433MovePages = {
    .name = "433_move_pages",
    .group = Group::kKernel,
    .attack = "move the pages of another process",
    .cve = "CVE-2017-14140",
    .refusal = "the filter, and pid 1 is not dumpable",
    .run = run,
    .needs = "a kernel with NUMA",
};

}  // namespace brig::attack::probes
