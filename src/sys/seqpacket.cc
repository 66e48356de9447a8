#include "sys/seqpacket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace brig::sys {
namespace {

Result<std::pair<Fd, Fd>> pair_of(int type) {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0) return Error::last_system("make a socket pair");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

/// Room for the control message of kMaxMessageFds descriptors, aligned as the kernel wants it.
struct ControlBuffer {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxMessageFds * sizeof(int))> bytes;
};

}  // namespace

Result<std::pair<Fd, Fd>> seqpacket_pair() { return pair_of(SOCK_SEQPACKET); }
Result<std::pair<Fd, Fd>> stream_pair() { return pair_of(SOCK_STREAM); }

Result<> send_message(FdRef socket, std::span<const std::byte> bytes, std::span<const FdRef> fds) {
  if (bytes.size() > kMaxMessage || fds.size() > kMaxMessageFds) {
    return Error(Code::kInvalidArgument, "the message is larger than the protocol allows");
  }
  iovec part{.iov_base = const_cast<std::byte*>(bytes.data()),
             .iov_len = bytes.size()};  // sendmsg does not write to it
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  ControlBuffer control;
  if (!fds.empty()) {
    header.msg_control = control.bytes.data();
    header.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* ancillary = CMSG_FIRSTHDR(&header);
    ancillary->cmsg_level = SOL_SOCKET;
    ancillary->cmsg_type = SCM_RIGHTS;
    ancillary->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    for (std::size_t i = 0; i < fds.size(); ++i) {
      const int fd = fds[i].get();
      std::memcpy(CMSG_DATA(ancillary) + i * sizeof(int), &fd, sizeof(int));
    }
  }
  while (::sendmsg(socket.get(), &header, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return Error(Code::kUnavailable, "the other process is gone");
    return Error::last_system("send a message");
  }
  return {};
}

Result<Message> receive_message(FdRef socket, std::span<std::byte> buffer) {
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  ControlBuffer control;
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = control.bytes.size();
  ssize_t count = 0;
  while ((count = ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC)) < 0) {
    if (errno == EINTR) continue;
    // A peer that closed with a message of ours unread is reported as a reset, once, before the messages it had sent;
    // then they follow.
    if (errno == ECONNRESET) continue;
    if (errno == EAGAIN) return Error::last_system("nothing to receive");
    return Error::last_system("receive a message");
  }
  Message message{.size = static_cast<std::size_t>(count), .fds = {}};
  for (cmsghdr* ancillary = CMSG_FIRSTHDR(&header); ancillary != nullptr; ancillary = CMSG_NXTHDR(&header, ancillary)) {
    if (ancillary->cmsg_level != SOL_SOCKET || ancillary->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t fds = (ancillary->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < fds; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(ancillary) + i * sizeof(int), sizeof(int));
      message.fds.emplace_back(fd);
    }
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Error(Code::kInternal, "a message was cut short");
  return message;
}

}  // namespace brig::sys
