#pragma once
/// The executor of a plan: part of brig-init, before it becomes the guest agent.
///
/// Runs as pid 1 of the new namespaces. Reads the plan from kPlanFd, performs its steps in order with plain system
/// calls, reports the first failure (or that all is done) on kReportFd, and waits for the launcher's "go", which comes
/// after the launcher has read back from the kernel what confines this process. No heap, no exceptions, no decisions.
namespace brig::runtimes::process {

/// Returns only if every step was performed and the launcher said go; then every inherited descriptor but kChannelFd is
/// closed. Ends the process otherwise.
void execute_plan_or_die();

}  // namespace brig::runtimes::process
