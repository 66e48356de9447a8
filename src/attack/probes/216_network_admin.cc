/// 216_network_admin: sets the flags of lo to what they already are.
/// Expected: no CAP_NET_ADMIN.
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return held("no socket to ask with");
  ifreq request{};
  std::string_view("lo").copy(static_cast<char*>(request.ifr_name), IFNAMSIZ - 1);
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) return held("SIOCGIFFLAGS: " + error_name(errno));
  return refused("SIOCSIFFLAGS", ::ioctl(fd.get(), SIOCSIFFLAGS, &request));
}

}  // namespace

constinit const Probe k216NetworkAdmin = {
    .name = "216_network_admin",
    .group = Group::kNetwork,
    .attack = "configure the network",
    .cve = "",
    .refusal = "no CAP_NET_ADMIN",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
