#pragma once
/// Envd: what runs in every sandbox of an E2B service, as a relay talks to it: brought a program, started it, and its
/// standard streams are a channel.
#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/fd.h"
#include "runtimes/remote/relay.h"
#include "runtimes/remote/server.h"

namespace brig::runtimes::remote {

/// Everything that needs a file or a look-up is done when this is made.
struct EnvdJob {
  Destination at;
  std::string id;                  ///< of the sandbox
  std::string token;               ///< empty: none is sent
  std::string program;             ///< the bytes of brig-init
  std::vector<std::string> words;  ///< that it is started with
};

/// A relay (relay.h) whose channel is the guest protocol with brig-init over there, when that has greeted; the greeting
/// is its kernel. `tie` is the lease's (lease.h). For a process with one thread.
Task<Relay> start_envd_relay(EnvdJob job, Fd tie);

}  // namespace brig::runtimes::remote
