#pragma once
/// The keeper: a process that has one container made, answers for it as a warden does (process/launch.h), and removes
/// it when its owner is gone, when its time is up, or when it has ended by itself.
///
/// It is a fork of whoever wants the sandbox, from before that gave up its rights, and the only one that talks to the
/// engine: who reads a sandbox's bytes has neither the engine's socket open nor a reason to open it.
#include "base/fd.h"
#include "runtimes/engine/container.h"

namespace brig::runtimes::engine {

struct KeeperJob {
  Order order;
  Fd control;  ///< answers go here; when the other end closes, the sandbox ends
  Fd guest;    ///< the guest's end of the channel
  Fd talk;     ///< a copy of the other end, until the sandbox begins
};

/// From beginning to end, in this process, which has one thread.
void run_keeper(KeeperJob job);

}  // namespace brig::runtimes::engine
