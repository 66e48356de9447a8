/// 205_host_loopback_udp: sends to the canary's UDP port on the host's 127.0.0.1.
/// Expected: the sandbox has a loopback of its own.
#include <sys/socket.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  return cannot_connect_inet("127.0.0.1 udp", "127.0.0.1", args.number("udp", 0), SOCK_DGRAM);
}

}  // namespace

constinit const Probe k205HostLoopbackUdp = {
    .name = "205_host_loopback_udp",
    .group = Group::kNetwork,
    .attack = "send a datagram to a service on the host's loopback",
    .cve = "",
    .refusal = "the sandbox has a loopback of its own",
    .run = run,
};

}  // namespace brig::attack::probes
