/// 437_upper_layer: asks for the kernel's own TLS on a socket that is not connected, which the kernel then refuses
/// itself. Published: CVE-2023-0461. Expected: the filter.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return refused("TCP_ULP", ::setsockopt(socket.get(), IPPROTO_TCP, TCP_ULP, "tls", 4), {ENOPROTOOPT});
}

}  // namespace

constinit const Probe k437UpperLayer = {
    .name = "437_upper_layer",
    .group = Group::kKernel,
    .attack = "put another protocol under a TCP socket (TCP_ULP)",
    .cve = "CVE-2023-0461",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
