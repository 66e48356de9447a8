#pragma once
/// Keeper: the process that `brig serve` starts as. It opens what needs privileges, starts brig-launch and the daemon,
/// and starts either again when it ends; itself it reads nothing from anybody but one byte from the daemon.
///
///     keeper (root) ─┬─ brig-launch (root): makes sandboxes
///                    ├─ brig-template (root): makes templates, once somebody asks for one
///                    └─ brigd (nobody of importance, no capabilities): speaks HTTP, owns the sandboxes
///
/// Sandboxes die with the daemon, not with brig-launch; when the daemon misses brig-launch it asks for another.
#include "base/result.h"
#include "settings.h"

namespace brig::daemon {

/// Runs until a signal says to end; returns the exit code.
int keep(const Settings& settings);

/// Asks the keeper, over the daemon's end of their socket, for the socket of a new brig-launch. Blocks for the
/// milliseconds that takes.
Result<Fd> ask_for_launcher(FdRef keeper);

/// The same for the socket of a new process that makes templates; the last one ends.
Result<Fd> ask_for_builder(FdRef keeper);

}  // namespace brig::daemon
