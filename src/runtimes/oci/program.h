#pragma once
/// Program: an OCI runtime of this host (runc, crun, runsc), found and held so that it cannot be exchanged.
#include <span>
#include <string>
#include <string_view>

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

inline constexpr std::string_view kCrun = "crun";

/// Those that can make the wall, the preferred first: runc and crun, or runsc.
std::span<const std::string_view> program_names(Wall wall);

/// The first of them that is installed. One that is there and is not to be trusted is an error, no reason to go on.
Result<Program> find_runtime(Wall wall);

/// Looks in fixed system folders only, never in $PATH. kUnavailable, with the command that installs it, if there is
/// none; kDenied if somebody besides root could have written it.
Result<Program> find_program(std::string_view name);

}  // namespace brig::runtimes::oci
