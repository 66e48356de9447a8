/// 426_console_paste: calls TIOCLINUX on a device that is no console: any answer but a refusal means that the filter
/// lets it through. Published: CVE-2023-28100, CVE-2023-1523. Expected: the filter.
#include <fcntl.h>
#include <sys/ioctl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const Fd device(::open("/dev/null", O_RDWR | O_CLOEXEC));
  char command = 6;  // ask for the shift state: changes nothing
  return refused("TIOCLINUX", ::ioctl(device.get(), TIOCLINUX, &command));
}

}  // namespace

constinit const Probe k426ConsolePaste = {
    .name = "426_console_paste",
    .group = Group::kKernel,
    .attack = "paste into the console (TIOCLINUX)",
    .cve = "CVE-2023-28100, CVE-2023-1523",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
