#pragma once
/// The nanny: pid 1 of a pid and mount namespace in which an OCI runtime makes its container.
///
/// It builds the box (box.h), runs the runtime, which leaves the container behind as the nanny's child, and waits for
/// the container's end. With the nanny, however it ends, the kernel ends all that is in its pid namespace: runtime,
/// container, gVisor's kernel and file server. It is a fork of the warden and dies with it.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"

namespace brig::runtimes::oci {

struct NannyJob {
  FdRef talk;        ///< to the warden: the container's standard input, and where the nanny says what went wrong
  FdRef channel;     ///< the container's standard output
  FdRef complaints;  ///< its standard error, and the runtime's
  std::vector<FdRef> slots;
  FdRef program;
  std::vector<std::string> arguments;  ///< the first is the program's name
  std::string plan;                    ///< encoded
};

/// PlanReport::step of a nanny's report: the runtime ended badly (os_error is its exit code, negative for a signal), or
/// could not be started.
inline constexpr std::uint32_t kRuntimeFailed = 0xfffffff0;
inline constexpr std::uint32_t kRuntimeNotStarted = 0xfffffff1;

/// In a fresh clone with namespaces of its own. Never returns.
[[noreturn]] void run_nanny(const NannyJob& job);

}  // namespace brig::runtimes::oci
