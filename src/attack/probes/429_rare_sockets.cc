/// 429_rare_sockets: opens a socket of every family but the ordinary ones, alone and as a pair, and closes it.
/// Published: CVE-2021-43267 (TIPC), CVE-2022-0435, CVE-2010-2959 (CAN).
/// Expected: the filter allows Unix, TCP and UDP only.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

bool is_reached() { return errno != EPERM && errno != EACCES && errno != ENOSYS && errno != EAFNOSUPPORT; }

Finding run(const Args&) {
  std::string open;
  for (int family = 3; family < 64; ++family) {
    if (family == AF_INET6 || family == AF_NETLINK || family == AF_PACKET || family == AF_ALG || family == AF_VSOCK)
      continue;
    for (int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET}) {
      const int fd = ::socket(family, type | SOCK_CLOEXEC, 0);
      bool is_open = fd >= 0 || is_reached();
      if (fd >= 0) ::close(fd);
      int pair[2];  // the kernel makes both before it asks the family for pairs
      const bool is_pair = ::socketpair(family, type | SOCK_CLOEXEC, 0, pair) == 0;
      is_open = is_open || is_pair || is_reached();
      if (is_pair) ::close(pair[0]), ::close(pair[1]);
      if (is_open) {
        open += " " + std::to_string(family);
        break;
      }
    }
  }
  return open.empty() ? held("none opens") : breached("families" + open);
}

}  // namespace

constinit const Probe k429RareSockets = {
    .name = "429_rare_sockets",
    .group = Group::kKernel,
    .attack = "reach the rare socket families",
    .cve = "CVE-2021-43267 (TIPC), CVE-2022-0435, CVE-2010-2959 (CAN)",
    .refusal = "the filter allows Unix, TCP and UDP only",
    .run = run,
    .needs = "a kernel with a rare socket family",
};

}  // namespace brig::attack::probes
