/// 212_netlink_others: opens netlink sockets of the protocols with a history and sends nothing.
/// Published: CVE-2017-16939, CVE-2017-7184, CVE-2013-1763.
/// Expected: the filter refuses AF_NETLINK.
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  std::vector<Finding> findings;
  for (int protocol :
       {NETLINK_ROUTE, NETLINK_KOBJECT_UEVENT, NETLINK_XFRM, NETLINK_SOCK_DIAG, NETLINK_AUDIT, NETLINK_GENERIC}) {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    findings.push_back(refused("netlink " + std::to_string(protocol), fd, {EPROTONOSUPPORT, EAFNOSUPPORT}));
  }
  return worst(findings);
}

}  // namespace

constinit const Probe k212NetlinkOthers = {
    .name = "212_netlink_others",
    .group = Group::kNetwork,
    .attack = "reach routing, device events, IPsec and socket lists over netlink",
    .cve = "CVE-2017-16939, CVE-2017-7184, CVE-2013-1763",
    .refusal = "the filter refuses AF_NETLINK",
    .run = run,
};

}  // namespace brig::attack::probes
