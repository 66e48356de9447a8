#pragma once
/// The executor of a plan: part of brig-init, before it becomes the guest agent.
///
/// Runs as pid 1 of the new namespaces. Reads the plan from kPlanFd, performs its steps in order with plain system
/// calls, reports the first failure (or that all is done) on kReportFd, and waits for the launcher's "go", which comes
/// after the launcher has read back from the kernel what confines this process. No heap, no exceptions, no decisions.
#include <span>

#include "runtimes/process/plan_wire.h"

namespace brig::runtimes::process {

/// Returns only if every step was performed and the launcher said go; then every inherited descriptor but kChannelFd is
/// closed. Ends the process otherwise.
void execute_plan_or_die();

/// The same in a sandbox that an OCI runtime made, where only the three usual descriptors arrive: 0 is a socket for
/// plan and report, 1 the channel. Its parent goes away as soon as it has made it: whoever made the namespaces ends it.
void execute_inside_or_die();

/// Before that, where the runtime had to take the only id there is for its uid 0 (without root): enters a user
/// namespace in which it is kInsideUid, gives up what that brings along, and becomes `program inside`. Executed anew
/// and not gone on with, because what belongs to a process that is not dumpable belongs to the uid 0 of the namespace
/// that it was executed in, and that one was whoever runs inside.
[[noreturn]] void change_identity_or_die(char* program);

/// The same where a pipe each way is all there is: 0 brings the plan and then the channel's bytes, 1 takes the report
/// and what the channel sends. Both stay open.
void execute_stdio_or_die();

/// Performs the steps of an encoded plan in this process, which then has done with every descriptor it opened on the
/// way, or ends: kPlanDone, or which step failed with which errno.
PlanReport perform_plan(std::span<const char> bytes);

}  // namespace brig::runtimes::process
