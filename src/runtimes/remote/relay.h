#pragma once
/// Relay: a process of our own that carries the channel of one sandbox between a socket and the other Brig.
///
/// A fork of this process, so that the channel flows whatever this process does, and so that the bytes of a channel are
/// decoded (TLS, WebSocket) where there is nothing else: it gives up files, programs and new connections once it is
/// connected. It ends with either of its sides, and with us.
#include "async/task.h"
#include "base/fd.h"
#include "runtimes/remote/server.h"
#include "sys/process.h"

namespace brig::runtimes::remote {

struct Relay {
  sys::Child process;
  Fd channel;
};

/// When it is connected. For a process with one thread.
Task<Relay> start_relay(Destination destination, std::string target);

}  // namespace brig::runtimes::remote
