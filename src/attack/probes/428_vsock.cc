/// 428_vsock: opens a socket and closes it.
/// Published: CVE-2021-26708.
/// Expected: the filter: the network namespace does not cover it.
#include <sys/socket.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return refused("socket(AF_VSOCK)", ::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), {EAFNOSUPPORT});
}

}  // namespace

constinit const Probe k428Vsock = {
    .name = "428_vsock",
    .group = Group::kKernel,
    .attack = "reach the hypervisor by socket (AF_VSOCK)",
    .cve = "CVE-2021-26708",
    .refusal = "the filter: the network namespace does not cover it",
    .run = run,
    .needs = "a kernel with AF_VSOCK",
};

}  // namespace brig::attack::probes
