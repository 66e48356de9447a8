/// 208_dns: sends a datagram to port 53 of an outside address; that it leaves is the breach.
/// Expected: the network namespace has no route.
#include <sys/socket.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_connect_inet("dns 203.0.113.53", "203.0.113.53", 53, SOCK_DGRAM); }

}  // namespace

constinit const Probe k208Dns = {
    .name = "208_dns",
    .group = Group::kNetwork,
    .attack = "carry data out in DNS queries",
    .cve = "",
    .refusal = "the network namespace has no route",
    .run = run,
    .own_kernel = "EHOSTUNREACH is how its own network stack says that there is no route",
};

}  // namespace brig::attack::probes
