#pragma once
/// The guest agent: pid 1 of a sandbox. Starts commands, moves their bytes, does file operations, reaps what is
/// orphaned.
///
/// One thread, one poll loop, no exceptions, no C++ runtime beyond the language. It runs as the sandbox's user without
/// any privilege: what it can do to the sandbox, a program in it could do too. It trusts neither side: a malformed
/// frame ends it with exit code 70 (and so the sandbox), a channel that closes ends it after killing everything.
namespace brig::agent {

/// Serves the guest protocol (guest/README.md) on a connected stream socket until it closes. Never returns. Close every
/// other descriptor before; 0, 1 and 2 may be anything and are not given to commands.
[[noreturn]] void serve(int channel_fd);

/// The same over two pipes: `in` is read and `out` written. Both become non-blocking.
[[noreturn]] void serve(int in, int out);

}  // namespace brig::agent
