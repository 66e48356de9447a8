#pragma once
/// The loop of brig-launch: takes Launch messages and gives each sandbox a warden (warden.h).
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/maker.h"

namespace brig::runtimes::process {

enum class LauncherLife : std::uint8_t {
  kUntilClosed,  ///< serves until the request socket closes; each warden is a process of its own
  kOneSandbox,   ///< the first request is served in this process, then it is over
};

/// Sandboxes at once of one launcher. Each costs the host a warden and, as root, an id.
inline constexpr std::size_t kWardensMax = 4096;

/// Runs in a single-threaded process that was made for it: leaves the session, drops supplementary groups, makes the
/// sealed copy of `folder`/brig-init, and serves `requests`, which must name senders (sys/seqpacket.h). `host` needs no
/// lists of files. Errors are those of starting; what goes wrong with a sandbox is told to its owner, and a request
/// that is malformed, denied or one too many (kExhausted) harms nobody but who sent it.
Result<> run_launcher(Fd requests, HostReport host, const std::string& folder, LauncherLife life, Makers makers,
                      std::size_t wardens_max = kWardensMax);

}  // namespace brig::runtimes::process
