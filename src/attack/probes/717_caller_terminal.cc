/// 717_caller_terminal: looks for a controlling terminal and for a terminal at 0, 1 and 2. The control is given one of
/// its own. Published: CVE-2017-5226, CVE-2023-1523. Expected: the sandbox has a session of its own and no descriptor
/// of the terminal.
#include <fcntl.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  for (int number = 0; number < 3; ++number) {
    if (::isatty(number) != 0) return breached("descriptor " + std::to_string(number) + " is a terminal");
  }
  return cannot_open("/dev/tty", O_RDWR);
}

}  // namespace

constinit const Probe k717CallerTerminal = {
    .name = "717_caller_terminal",
    .group = Group::kEscapes,
    .attack = "reach the terminal of whoever started the sandbox",
    .cve = "CVE-2017-5226, CVE-2023-1523",
    .refusal = "the sandbox has a session of its own and no descriptor of the terminal",
    .run = run,
};

}  // namespace brig::attack::probes
