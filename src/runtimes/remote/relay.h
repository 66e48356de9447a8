#pragma once
/// Relay: a process of our own that carries the channel of one sandbox between a socket and the other side.
///
/// A fork of this process, so that the channel flows whatever this process does, and so that the bytes of a channel are
/// decoded (TLS, WebSocket) where there is nothing else: it gives up files, programs and, towards another Brig, new
/// connections once it is connected. It ends with either of its sides, and with us.
#include <string>
#include <utility>

#include "async/task.h"
#include "base/fd.h"
#include "runtimes/remote/server.h"
#include "sys/process.h"

namespace brig::runtimes::remote {

struct Relay {
  sys::Child process;
  Fd channel;
  std::string greeting;  ///< what it was told by the agent, if anything: the other side's bytes, printable
};

/// When it is connected. For a process with one thread.
Task<Relay> start_relay(Destination destination, std::string target);

// ---- what every kind of relay is made with

inline constexpr const char* kRelayName = "brig-relay";
/// Its first word (helper.h): connected, with a greeting; or not, and why.
inline constexpr char kRelayReady = '+';
inline constexpr char kRelayFailed = '-';

/// Of each pair the first is ours and does not block.
struct RelayEnds {
  std::pair<Fd, Fd> channel;
  std::pair<Fd, Fd> status;
};
/// kUnsupported in a process with several threads.
Result<RelayEnds> make_relay_ends();
/// What the parent does: closes the child's ends and waits for its first word.
Task<Relay> await_relay(sys::Child process, RelayEnds ends, std::string host);

}  // namespace brig::runtimes::remote
