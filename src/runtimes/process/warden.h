#pragma once
/// The warden of one sandbox: a process that builds it, watches it and takes it down, and dies with it.
///
/// Two things end the sandbox even if every process of Brig is stopped or killed: the warden arms a kernel timer that
/// ends the warden itself, and the sandbox's pid 1 has the warden as its parent-death signal; with pid 1 the kernel
/// ends all of the pid namespace.
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtimes/process/asker.h"
#include "runtimes/process/build_root.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/image_mount.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/maker.h"

namespace brig::runtimes::process {

struct WardenJob {
  LaunchRequest request;  ///< with the id that its group gets
  Asker asker;
  Fd control;                  ///< answers go here; when the other end closes, the sandbox ends
  Fd channel;                  ///< the guest's end of the stream
  std::vector<Fd> mounts;      ///< in the order of request.mounts
  std::optional<Image> image;  ///< of the root, the launcher's; none: the host's /usr
  BuildFolders build;          ///< of a root that can be written
  bool sweeps = true;          ///< removes what wardens left that were killed; costs time for each sandbox that lives
};

/// Runs one sandbox from beginning to end in this (single-threaded) process. Everything it reports goes over
/// `job.control`. `init` is the sealed copy of brig-init; `host` needs no lists of files, they are read while the
/// sandbox's first process starts.
void run_warden(WardenJob job, HostReport host, FdRef init, Makers makers);

}  // namespace brig::runtimes::process
