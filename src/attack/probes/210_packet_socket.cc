/// 210_packet_socket: opens a packet socket and reads nothing.
/// Published: CVE-2020-14386, CVE-2017-7308, CVE-2016-8655.
/// Expected: no CAP_NET_RAW, and the filter refuses AF_PACKET.
#include <sys/socket.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return refused("socket(AF_PACKET)", ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

}  // namespace

constinit const Probe k210PacketSocket = {
    .name = "210_packet_socket",
    .group = Group::kNetwork,
    .attack = "listen to everybody's packets",
    .cve = "CVE-2020-14386, CVE-2017-7308, CVE-2016-8655",
    .refusal = "no CAP_NET_RAW, and the filter refuses AF_PACKET",
    .run = run,
};

}  // namespace brig::attack::probes
