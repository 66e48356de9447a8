/// 427_crypto_sockets: opens a socket and closes it.
/// Published: CVE-2016-10147, CVE-2019-8912.
/// Expected: the filter.
#include <sys/socket.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return refused("socket(AF_ALG)", ::socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), {EAFNOSUPPORT});
}

}  // namespace

constinit const Probe k427CryptoSockets = {
    .name = "427_crypto_sockets",
    .group = Group::kKernel,
    .attack = "reach the kernel's ciphers by socket (AF_ALG)",
    .cve = "CVE-2016-10147, CVE-2019-8912",
    .refusal = "the filter",
    .run = run,
    .needs = "a kernel with AF_ALG",
};

}  // namespace brig::attack::probes
