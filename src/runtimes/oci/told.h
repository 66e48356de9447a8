#pragma once
/// What an OCI runtime says while a sandbox is made, and what the nanny says of it, in words for people. Pure.
///
/// The runtime's text is somebody else's, and a report may come from whatever holds the runtime's standard input: any
/// bytes must do.
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtimes/process/plan.h"
#include "runtimes/process/plan_wire.h"

namespace brig::runtimes::oci {

/// Of what a runtime says, as much is passed on.
inline constexpr std::size_t kComplaintMax = 2000;

/// "/usr/sbin/runc could not make the sandbox; it said "…"". kUnavailable, or the system's error.
Error complaint(std::string_view program, std::string_view why, std::string_view said,
                std::optional<int> os_error = {});

/// A report of the nanny, who only speaks when something went wrong; `box` is the plan that it was given.
Error judge_nanny(const process::PlanReport& report, const process::JailPlan& box, std::string_view program,
                  std::string_view said);

/// The process that the runtime's pid file names; 0 if none.
int named_process(std::string_view text);

}  // namespace brig::runtimes::oci
