/// 215_interfaces: lists the interfaces. The control's room has one more.
/// Expected: the network namespace is new and empty.
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return held("no socket to ask with");
  for (int index = 1; index < 64; ++index) {
    ifreq request{};
    request.ifr_ifindex = index;
    if (::ioctl(fd.get(), SIOCGIFNAME, &request) != 0) continue;
    const std::string name(static_cast<const char*>(request.ifr_name),
                           ::strnlen(static_cast<const char*>(request.ifr_name), IFNAMSIZ));
    // Tunnel stubs that the kernel puts into every new namespace lead nowhere.
    if (name != "lo" && name.find("tnl") == std::string::npos && name != "sit0" && name != "gre0" &&
        name != "gretap0" && name != "erspan0" && name != "ip6gre0" && !name.starts_with("ip_vti") &&
        !name.starts_with("ip6_vti")) {
      return breached("there is " + name);
    }
  }
  return held("only loopback");
}

}  // namespace

constinit const Probe k215Interfaces = {
    .name = "215_interfaces",
    .group = Group::kNetwork,
    .attack = "find a network interface besides loopback",
    .cve = "",
    .refusal = "the network namespace is new and empty",
    .run = run,
    .needs = "a kernel with bridges",
};

}  // namespace brig::attack::probes
