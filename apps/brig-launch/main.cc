/// brig-launch: the only process of Brig that clones, and the only one that keeps privileges. One thread. It knows one
/// request (runtimes/process/launch.h), parses nothing that came from a guest, and gives each sandbox a warden of its
/// own.
///
/// Started by the runtime with its request socket as descriptor 3; ends when that socket closes.
#include <fcntl.h>

#include <cstdio>

#include "runtimes/oci/oci_maker.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/launcher.h"
#include "sys/process.h"

namespace {

brig::Result<> launch_all() {
  using namespace brig::runtimes::process;
  return run_launcher(brig::Fd(kLaunchSocketFd), report_abilities(), TRY(brig::sys::program_folder()),
                      LauncherLife::kUntilClosed, brig::runtimes::oci::maker_of);
}

}  // namespace

int main() {
  if (::fcntl(brig::runtimes::process::kLaunchSocketFd, F_SETFD, FD_CLOEXEC) < 0) {
    std::fputs("brig-launch is started by brig; it has nothing to offer to people\n", stderr);
    return 2;
  }
  const auto result = launch_all();
  if (result.has_value()) return 0;
  std::fprintf(stderr, "brig-launch: %s\n", result.error().message().c_str());
  return 1;
}
