/// 201_metadata_v4: connects to 169.254.169.254. In the control's room that address is a listener of our own, never the
/// cloud's.
/// Published: the Capital One breach of 2019; CWE-918.
/// Expected: the network namespace has no route.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_connect_inet("169.254.169.254", "169.254.169.254", 80); }

}  // namespace

constinit const Probe k201MetadataV4 = {
    .name = "201_metadata_v4",
    .group = Group::kNetwork,
    .attack = "ask the cloud's metadata service for credentials",
    .cve = "the Capital One breach of 2019; CWE-918",
    .refusal = "the network namespace has no route",
    .run = run,
    .own_kernel = "EHOSTUNREACH is how its own network stack says that there is no route",
};

}  // namespace brig::attack::probes
