#pragma once
/// A command in a sandbox at this terminal: like a local shell, with its size, its keys and its exit code.
#include <string>

#include "remote.h"

namespace brig::client {

/// The size of the terminal on descriptor 0, or 24 x 80.
struct Size {
  int rows = 24;
  int columns = 80;
};
Size terminal_size();

/// Connects this terminal to a process that runs at one inside. The exit code of `brig sandbox exec`.
Result<int> attach_terminal(Remote& remote, const std::string& sandbox, const std::string& process);

}  // namespace brig::client
