/// 209_raw_socket: opens a raw ICMP socket and sends nothing.
/// Expected: no CAP_NET_RAW, and the filter knows TCP and UDP only.
#include <netinet/in.h>
#include <sys/socket.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return refused("socket(SOCK_RAW)", ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
}

}  // namespace

constinit const Probe k209RawSocket = {
    .name = "209_raw_socket",
    .group = Group::kNetwork,
    .attack = "forge packets with a raw socket",
    .cve = "",
    .refusal = "no CAP_NET_RAW, and the filter knows TCP and UDP only",
    .run = run,
};

}  // namespace brig::attack::probes
