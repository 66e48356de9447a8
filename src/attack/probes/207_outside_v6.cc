/// 207_outside_v6: connects to an address of the documentation range (RFC 3849).
/// Expected: the network namespace has no route.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_connect_inet("[2001:db8::7]:443", "2001:db8::7", 443); }

}  // namespace

constinit const Probe k207OutsideV6 = {
    .name = "207_outside_v6",
    .group = Group::kNetwork,
    .attack = "connect to the internet over IPv6",
    .cve = "",
    .refusal = "the network namespace has no route",
    .run = run,
    .needs = "a kernel with IPv6",
    .own_kernel = "EHOSTUNREACH is how its own network stack says that there is no route",
};

}  // namespace brig::attack::probes
