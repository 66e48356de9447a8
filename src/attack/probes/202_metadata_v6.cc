/// 202_metadata_v6: connects to fd00:ec2::254. In the control's room that address is a listener of our own.
/// Expected: the network namespace has no route.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_connect_inet("fd00:ec2::254", "fd00:ec2::254", 80); }

}  // namespace

constinit const Probe k202MetadataV6 = {
    .name = "202_metadata_v6",
    .group = Group::kNetwork,
    .attack = "ask the cloud's metadata service over IPv6",
    .cve = "",
    .refusal = "the network namespace has no route",
    .run = run,
    .needs = "a kernel with IPv6",
    .own_kernel = "EHOSTUNREACH is how its own network stack says that there is no route",
};

}  // namespace brig::attack::probes
