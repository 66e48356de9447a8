/// brigd: sandboxes over HTTP. `brig serve` starts it.
#include <malloc.h>

#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include "../brig/options.h"
#include "keeper.h"
#include "settings.h"

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);  // writes answer EPIPE
  // Else the end of the heap goes back to the kernel after each request and comes again, zeroed, with the next.
  ::mallopt(M_MMAP_THRESHOLD, 4 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 8 << 20);
  try {
    const auto settings =
        brig::daemon::read_settings(std::vector<std::string>(words + (count > 0 ? 1 : 0), words + count));
    return settings ? brig::daemon::keep(*settings) : settings.error();
  } catch (const std::exception& error) {
    brig::cli::complain(std::string("internal error: ") + error.what());
    return 125;
  }
}
