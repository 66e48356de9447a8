/// 203_host_loopback_v4: connects to the canary listener on the host's 127.0.0.1.
/// Published: CVE-2020-8558.
/// Expected: the sandbox has a loopback of its own.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) { return cannot_connect_inet("127.0.0.1", "127.0.0.1", args.number("tcp4", 0)); }

}  // namespace

constinit const Probe k203HostLoopbackV4 = {
    .name = "203_host_loopback_v4",
    .group = Group::kNetwork,
    .attack = "reach a service on the host's loopback",
    .cve = "CVE-2020-8558",
    .refusal = "the sandbox has a loopback of its own",
    .run = run,
};

}  // namespace brig::attack::probes
