/// 206_outside_v4: connects to an address of the documentation range (RFC 5737): it needs the same default route as any
/// other. Expected: the network namespace has no route.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_connect_inet("203.0.113.7:443", "203.0.113.7", 443); }

}  // namespace

constinit const Probe k206OutsideV4 = {
    .name = "206_outside_v4",
    .group = Group::kNetwork,
    .attack = "connect to the internet",
    .cve = "",
    .refusal = "the network namespace has no route",
    .run = run,
    .own_kernel = "EHOSTUNREACH is how its own network stack says that there is no route",
};

}  // namespace brig::attack::probes
