#pragma once
/// A runtime whose sandboxes brig-launch makes: everything that its walls share. What tells one from another is its
/// Face.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/runtime.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/maker.h"

namespace brig::runtimes::process {

struct LauncherOptions {
  std::string launcher;  ///< path of brig-launch; brig-init lies beside it
  /// Where somebody else starts brig-launch: gives the request socket of one that runs; asked again when that is gone.
  /// The runtime is then made with the privileges that brig-launch has, to know what it can do, and may lose them.
  std::function<Result<Fd>()> connect = {};
  bool is_single_use = false;  ///< exactly one cell will be made: a fork of this process launches and watches it
};

struct Face {
  std::string name;
  Wall wall = Wall::kProcess;
  policy::Boundary boundary = policy::Boundary::kSharedKernel;
  Makers makers = process_maker;  ///< of a launcher that is a fork of this process
  std::function<runtime::Probe(const HostReport& host, const std::string& launcher)> probe;
  std::function<Result<>(const HostReport& host)> is_possible;  ///< cheap; the reason if not
  std::function<std::vector<std::string>(const policy::Limits& limits, const HostReport& host)> weaknesses;
};

/// What is asked of whoever makes the sandbox, but for what is shown in it.
LaunchRequest request_for(const runtime::CellSpec& spec, Wall wall);

/// Starts brig-launch at once; if that fails, create() says so. Its tasks run on whatever io_context awaits them; one
/// thread.
std::unique_ptr<runtime::Runtime> make_launched_runtime(LauncherOptions options, Face face);

}  // namespace brig::runtimes::process
