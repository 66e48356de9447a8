/// 425_terminal_input: types a letter into a terminal of its own; the filter must refuse that too, for it cannot tell
/// whose it is. Published: CVE-2017-5226, CVE-2016-2568. Expected: the filter.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args&) {
  ::signal(SIGHUP, SIG_IGN);  // closing the terminal hangs up on its session
  ::setsid();
  const Fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  const bool is_ready = master.is_open() && ::grantpt(master.get()) == 0 && ::unlockpt(master.get()) == 0;
  const char* name = is_ready ? ::ptsname(master.get()) : nullptr;
  const Fd terminal(::open(name != nullptr ? name : "/dev/null", O_RDWR | O_CLOEXEC));
  ::ioctl(terminal.get(), TIOCSCTTY, 0);
  return refused("TIOCSTI", ::ioctl(terminal.get(), TIOCSTI, "x"));
}
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k425TerminalInput = {
    .name = "425_terminal_input",
    .group = Group::kKernel,
    .attack = "type into the terminal of somebody else (TIOCSTI)",
    .cve = "CVE-2017-5226, CVE-2016-2568",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
