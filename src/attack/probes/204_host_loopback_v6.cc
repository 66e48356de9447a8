/// 204_host_loopback_v6: connects to the canary listener on the host's ::1.
/// Expected: the sandbox has a loopback of its own.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) { return cannot_connect_inet("::1", "::1", args.number("tcp6", 0)); }

}  // namespace

constinit const Probe k204HostLoopbackV6 = {
    .name = "204_host_loopback_v6",
    .group = Group::kNetwork,
    .attack = "reach a service on the host's IPv6 loopback",
    .cve = "",
    .refusal = "the sandbox has a loopback of its own",
    .run = run,
    .needs = "a kernel with IPv6",
};

}  // namespace brig::attack::probes
