#pragma once
/// The process wall's Cell: the owner's end of a warden.
#include <memory>
#include <string>

#include "async/task.h"
#include "base/fd.h"
#include "runtime/runtime.h"
#include "runtimes/process/deadline.h"
#include "runtimes/process/launch.h"
#include "sys/cgroup.h"

namespace brig::runtimes::process {

/// The next message of a warden. kUnavailable if the warden is gone.
Task<Reply> next_reply(FdRef control);

struct ProcessCellParts {
  std::string id;
  Fd control;  ///< non-blocking; the end of it ends the sandbox
  Fd channel;
  runtime::Attestation attestation;
  sys::CgroupTree cgroups;
  Deadline deadline;  ///< not later than the warden's
};
std::unique_ptr<runtime::Cell> make_process_cell(ProcessCellParts parts);

}  // namespace brig::runtimes::process
