/// 434_vmsplice: gives one page of its own to a pipe.
/// Published: CVE-2008-0600, CVE-2022-0847 (Dirty Pipe) class.
/// Expected: the filter.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return held("no pipe");
  char byte = 0;
  iovec piece{&byte, 1};
  return refused("vmsplice", ::vmsplice(ends[1], &piece, 1, 0));
}

}  // namespace

constinit const Probe k434Vmsplice = {
    .name = "434_vmsplice",
    .group = Group::kKernel,
    .attack = "splice pages of memory into pipes",
    .cve = "CVE-2008-0600, CVE-2022-0847 (Dirty Pipe) class",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
