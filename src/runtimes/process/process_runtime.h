#pragma once
/// The process wall: Linux namespaces, a system-call filter, Landlock, cgroups, no capabilities, a root file system of
/// its own.
#include <memory>

#include "runtime/runtime.h"
#include "runtimes/process/launched_runtime.h"

namespace brig::runtimes::process {

using ProcessRuntimeOptions = LauncherOptions;

std::unique_ptr<runtime::Runtime> make_process_runtime(ProcessRuntimeOptions options);

}  // namespace brig::runtimes::process
