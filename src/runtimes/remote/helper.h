#pragma once
/// Helper: what a fork of this process does first to become a process of its own with one job, and how it says how it
/// went. For a process with one thread.
#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/fd.h"

namespace brig::runtimes::remote {

inline constexpr std::size_t kWordMax = 1024;

/// In the fork: a name, signals of its own (who made it ends it, not a Ctrl-C at its terminal), and no descriptor but
/// these, else what others hold would not end while this process lives.
void become_helper(const char* name, std::span<const FdRef> kept);
/// In the fork: ends with its parent, at once if that is gone already.
void end_with(pid_t parent);

/// One message, cut to kWordMax: a letter for programs, the rest for people. Whoever does not listen misses it.
void tell(FdRef socket, char letter, std::string_view text);
struct Word {
  char letter = 0;
  std::string text;
};
/// The next message on a non-blocking socket, if one has come. kUnavailable if the other end is gone.
Result<std::optional<Word>> take_word(FdRef socket);
/// The same, when it comes.
Task<Word> next_word(FdRef socket);

}  // namespace brig::runtimes::remote
