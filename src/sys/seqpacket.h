#pragma once
/// SOCK_SEQPACKET with descriptors: how Brig's own processes talk. One datagram is one message, bounded on both sides.
#include <array>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace brig::sys {

inline constexpr std::size_t kMaxMessage = 64 * 1024;  ///< bytes in one message
inline constexpr std::size_t kMaxMessageFds = 80;  ///< descriptors with one message (SCM_MAX_FD of the kernel is 253)

/// Two connected ends, both close-on-exec.
Result<std::pair<Fd, Fd>> seqpacket_pair();
/// The same for a byte stream.
Result<std::pair<Fd, Fd>> stream_pair();

/// Sends one message. kUnavailable if the other end is gone.
Result<> send_message(FdRef socket, std::span<const std::byte> bytes, std::span<const FdRef> fds = {});

struct Message {
  std::size_t size = 0;  ///< bytes written to the caller's buffer; 0 = the other end is gone
  std::vector<Fd> fds;
};
/// Receives one message into `buffer`. A message that was cut (larger than the buffer, or too many descriptors) is
/// kInternal. On a non-blocking socket with nothing to read: kUnavailable with os_error EAGAIN.
Result<Message> receive_message(FdRef socket, std::span<std::byte> buffer);

}  // namespace brig::sys
