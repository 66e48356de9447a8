/// 510_tun: opens /dev/net/tun and makes nothing.
/// Expected: the sandbox has a /dev of its own.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any({"/dev/net/tun", "/dev/vhost-net", "/dev/vhost-vsock", "/dev/vsock"}, O_RDWR);
}

}  // namespace

constinit const Probe k510Tun = {
    .name = "510_tun",
    .group = Group::kDevices,
    .attack = "make a network interface",
    .cve = "",
    .refusal = "the sandbox has a /dev of its own",
    .run = run,
    .needs_root = true,
    .needs = "a host with /dev/net/tun",
    .own_kernel = "the device is its own kernel's",
};

}  // namespace brig::attack::probes
