/// 405_request_key: asks for a key that is in no keyring, without a text for the helper, so that none is started.
/// Expected: the filter.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return refused("request_key", ::syscall(SYS_request_key, "user", "brig-no-such-key", nullptr, 0));
}

}  // namespace

constinit const Probe k405RequestKey = {
    .name = "405_request_key",
    .group = Group::kKernel,
    .attack = "start the host's key helper",
    .cve = "",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
