#pragma once
/// HostInput: a descriptor of the host (brig's standard input) as a program's input, without touching its flags.
///
/// The descriptor's open file is shared with whoever started us, so it must not become non-blocking: readiness comes
/// from an epoll of its own, and what epoll refuses (regular files) is always ready. What can lose its readiness again
/// (a terminal) should be a description of our own that is non-blocking.
#include <cstddef>
#include <span>

#include "async/task.h"
#include "base/fd.h"

namespace brig::service {

class HostInput {
 public:
  /// `input` stays open as long as this lives.
  static Result<HostInput> open(FdRef input);

  /// At least one byte, or 0 at the end. A terminal that may not be read from the background is at its end.
  Task<std::size_t> read_some(std::span<std::byte> buffer);

 private:
  HostInput(FdRef input, Fd poll) : input_(input), poll_(std::move(poll)) {}
  FdRef input_;
  Fd poll_;  ///< not open: always ready
};

}  // namespace brig::service
