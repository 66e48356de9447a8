#pragma once
/// The process wall: Linux namespaces, a system-call filter, Landlock, cgroups, no capabilities, a root file system of
/// its own.
#include <memory>
#include <string>

#include "runtime/runtime.h"

namespace brig::runtimes::process {

struct ProcessRuntimeOptions {
  std::string launcher;        ///< path of brig-launch; brig-init lies beside it
  bool is_single_use = false;  ///< exactly one cell will be made: a fork of this process launches and watches it
};

/// Starts brig-launch at once; if that fails, create() says so. Its tasks run on whatever io_context awaits them; one
/// thread.
std::unique_ptr<runtime::Runtime> make_process_runtime(ProcessRuntimeOptions options);

}  // namespace brig::runtimes::process
