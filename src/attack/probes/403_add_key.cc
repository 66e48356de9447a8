/// 403_add_key: adds a key to its own thread's keyring, which dies with the thread.
/// Published: CVE-2016-0728, CVE-2017-7472.
/// Expected: the filter.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  constexpr int kThreadKeyring = -1;
  return refused("add_key", ::syscall(SYS_add_key, "user", "brig-probe", "x", 1UL, kThreadKeyring));
}

}  // namespace

constinit const Probe k403AddKey = {
    .name = "403_add_key",
    .group = Group::kKernel,
    .attack = "put keys into kernel memory",
    .cve = "CVE-2016-0728, CVE-2017-7472",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
