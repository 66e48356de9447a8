/// 436_packet_program: attaches a filter that lets everything through to a socket of its own.
/// Published: CVE-2016-4557 class.
/// Expected: the filter.
#include <linux/filter.h>
#include <sys/socket.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sock_filter accept_all{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0xffffffff};
  const sock_fprog program{.len = 1, .filter = &accept_all};
  return refused("SO_ATTACH_FILTER", ::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program),
                 {ENOPROTOOPT});
}

}  // namespace

constinit const Probe k436PacketProgram = {
    .name = "436_packet_program",
    .group = Group::kKernel,
    .attack = "put a packet filter of its own into the kernel (SO_ATTACH_FILTER)",
    .cve = "CVE-2016-4557 class",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
