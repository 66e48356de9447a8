#pragma once
/// Program: an OCI runtime of this host (runc, runsc), found and held so that it cannot be exchanged.
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "runtimes/process/launch.h"

namespace brig::runtimes::oci {

using process::Wall;

struct Program {
  std::string name;  ///< "runc"
  std::string path;
  Fd file;  ///< O_PATH: what is executed, whatever lies at the path by then
};

/// "runc", "runsc".
std::string_view program_name(Wall wall);

/// Looks in fixed system folders only, never in $PATH. kUnavailable, with the command that installs it, if there is
/// none; kDenied if somebody besides root could have written it.
Result<Program> find_program(std::string_view name);

}  // namespace brig::runtimes::oci
