#pragma once
/// SOCK_SEQPACKET with descriptors: how Brig's own processes talk. One datagram is one message, bounded on both sides.
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
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

/// Whether `fd` is a Unix socket of that type (SOCK_STREAM, SOCK_SEQPACKET).
bool is_unix_socket(FdRef fd, int type);

enum class IfFull : std::uint8_t {
  kWait,  ///< until the other end has read
  kFail,  ///< kSystem with os_error EAGAIN
};

/// Sends one message. kUnavailable if the other end is gone.
Result<> send_message(FdRef socket, std::span<const std::byte> bytes, std::span<const FdRef> fds = {},
                      IfFull if_full = IfFull::kWait);

/// Who sent a message: not what they say, what the kernel says.
struct Sender {
  pid_t pid = 0;  ///< in our pid namespace; at the moment it sent
  uid_t uid = 0;
  gid_t gid = 0;
};

/// From now on messages received on `socket` name their sender. To be called before the other end sends.
Result<> name_senders(FdRef socket);

struct Message {
  std::size_t size = 0;  ///< bytes written to the caller's buffer; 0 = the other end is gone, or has sent nothing
  std::vector<Fd> fds;
  std::optional<Sender> sender;  ///< if the socket names them; an end that is gone has none
};
/// Receives one message into `buffer`. A message that was cut (larger than the buffer, or too many descriptors) is
/// kInternal; what came of it is closed. On a non-blocking socket with nothing to read: kUnavailable with os_error
/// EAGAIN.
Result<Message> receive_message(FdRef socket, std::span<std::byte> buffer);

}  // namespace brig::sys
