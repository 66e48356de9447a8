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

/// Room for the control messages of kMaxMessageFds descriptors and of the sender, aligned as the kernel wants it.
struct ControlBuffer {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxMessageFds * sizeof(int)) + CMSG_SPACE(sizeof(ucred))> bytes;
};

std::vector<Fd> take_fds(const cmsghdr& ancillary) {
  std::vector<Fd> fds;
  const std::size_t count = (ancillary.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(&ancillary) + i * sizeof(int), sizeof(int));
    fds.emplace_back(fd);
  }
  return fds;
}

std::optional<Sender> take_sender(const cmsghdr& ancillary) {
  ucred credentials{};
  std::memcpy(&credentials, CMSG_DATA(&ancillary), sizeof credentials);
  // Process 0: the message was sent before the socket named senders, and the kernel fills in somebody.
  if (credentials.pid == 0) return {};
  return Sender{.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
}

}  // namespace

Result<std::pair<Fd, Fd>> seqpacket_pair() { return pair_of(SOCK_SEQPACKET); }
Result<std::pair<Fd, Fd>> stream_pair() { return pair_of(SOCK_STREAM); }

bool is_unix_socket(FdRef fd, int type) {
  const auto option = [&](int name) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd.get(), SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
  };
  return option(SO_DOMAIN) == AF_UNIX && option(SO_TYPE) == type;
}

Result<> name_senders(FdRef socket) {
  const int is_on = 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &is_on, sizeof is_on) < 0)
    return Error::last_system("let the socket name senders");
  return {};
}

Result<> send_message(FdRef socket, std::span<const std::byte> bytes, std::span<const FdRef> fds, IfFull if_full) {
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
  const int flags = MSG_NOSIGNAL | (if_full == IfFull::kFail ? MSG_DONTWAIT : 0);
  while (::sendmsg(socket.get(), &header, flags) < 0) {
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
  Message message{.size = static_cast<std::size_t>(count), .fds = {}, .sender = {}};
  for (cmsghdr* ancillary = CMSG_FIRSTHDR(&header); ancillary != nullptr; ancillary = CMSG_NXTHDR(&header, ancillary)) {
    if (ancillary->cmsg_level != SOL_SOCKET) continue;
    if (ancillary->cmsg_type == SCM_RIGHTS) message.fds = take_fds(*ancillary);
    if (ancillary->cmsg_type == SCM_CREDENTIALS) message.sender = take_sender(*ancillary);
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return Error(Code::kInternal, "a message was cut short");
  return message;
}

}  // namespace brig::sys
