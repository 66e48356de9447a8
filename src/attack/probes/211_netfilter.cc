/// 211_netfilter: opens a netlink socket to netfilter and sends nothing.
/// Published: CVE-2024-1086, CVE-2022-25636, CVE-2023-32233.
/// Expected: the filter refuses AF_NETLINK.
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  return refused("socket(NETLINK_NETFILTER)", fd, {EPROTONOSUPPORT, EAFNOSUPPORT});
}

}  // namespace

constinit const Probe k211Netfilter = {
    .name = "211_netfilter",
    .group = Group::kNetwork,
    .attack = "reach the packet filter's configuration",
    .cve = "CVE-2024-1086, CVE-2022-25636, CVE-2023-32233",
    .refusal = "the filter refuses AF_NETLINK",
    .run = run,
};

}  // namespace brig::attack::probes
