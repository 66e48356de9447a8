#pragma once
/// spawn(): starts a command in a session of its own, at the speed of vfork.
#include <sys/types.h>

#include <array>

#include "guest/messages.h"

namespace brig::agent {

/// The agent's ends of what connects it to a command; -1 where there is none. All are close-on-exec and non-blocking.
struct Pipes {
  int in = -1;  ///< we write; with a terminal the same descriptor as `out`
  int out = -1;
  int err = -1;
  int results = -1;  ///< or, of a command that forks (Exec::kForks), the socket for requests
};

struct Spawned {
  pid_t pid = -1;         ///< -1: it could not be started
  int os_error = 0;       ///< why
  const char* step = "";  ///< what was being done
  Pipes pipes;
};

/// What a command inherits: descriptors 0, 1, 2 (and 3 if it asked for it), its own environment, default signals, umask
/// 022, the working folder it asked for. It leads its own session and process group. Signals must be blocked while this
/// runs.
Spawned spawn(const guest::Exec& request);

/// A command that another one forks: where it says which process it is.
struct Forking {
  int os_error = 0;       ///< why it could not be asked for; `pipes` and `born` are closed
  const char* step = "";  ///< what was being done
  Pipes pipes;
  /// Gives 4 bytes, the child's number or an errno below 0, once; its end without them: nobody will be the command.
  int born = -1;
};

/// Asks the command at the other end of `zygote` to fork. Does not wait for it.
///
/// The request is one packet: u32 length of the folder, u32 number of variables, the folder, and the variables as they
/// lie in Exec; with it the command's descriptors 0, 1, 2, 3 and the pipe that `born` is the other end of.
Forking ask_to_fork(const guest::Exec& request, int zygote);

/// Signals that the agent ignores and a command must not.
inline constexpr int kIgnoredSignals[] = {1 /*HUP*/,   2 /*INT*/,   3 /*QUIT*/,  10 /*USR1*/,
                                          12 /*USR2*/, 13 /*PIPE*/, 14 /*ALRM*/, 15 /*TERM*/};

/// Applies the size to the terminal whose master is `terminal`.
void set_size(int terminal, std::uint16_t rows, std::uint16_t columns);

}  // namespace brig::agent
