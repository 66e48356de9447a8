/// 217_iptables: asks for the table "filter" through IPT_SO_GET_INFO on a raw socket, which needs the same permission
/// as replacing it. Published: CVE-2021-22555, CVE-2016-4997. Expected: no CAP_NET_ADMIN, and no raw socket.
#include <netinet/in.h>
#include <sys/socket.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const Fd fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!fd.is_open()) return refused("socket(SOCK_RAW)", -1);
  char info[84] = "filter";
  socklen_t size = sizeof info;
  constexpr int kInfo = 64;  // IPT_SO_GET_INFO
  return refused("IPT_SO_GET_INFO", ::getsockopt(fd.get(), IPPROTO_IP, kInfo, info, &size));
}

}  // namespace

constinit const Probe k217Iptables = {
    .name = "217_iptables",
    .group = Group::kNetwork,
    .attack = "reach the old packet filter's socket options",
    .cve = "CVE-2021-22555, CVE-2016-4997",
    .refusal = "no CAP_NET_ADMIN, and no raw socket",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
