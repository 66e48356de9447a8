#include "service/input.h"

#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "async/stream.h"

namespace brig::service {
namespace {

/// read(), without blocking where the kernel offers that for a single call: pipes and sockets, not terminals.
ssize_t read_now(FdRef fd, std::span<std::byte> buffer) {
  const iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  const ssize_t count = ::preadv2(fd.get(), &part, 1, -1, RWF_NOWAIT);
  if (count >= 0 || (errno != EOPNOTSUPP && errno != EINVAL && errno != ENOSYS)) return count;
  return ::read(fd.get(), buffer.data(), buffer.size());
}

}  // namespace

Result<HostInput> HostInput::open(FdRef input) {
  Fd poll(::epoll_create1(EPOLL_CLOEXEC));
  if (!poll.is_open()) return Error::last_system("make an epoll");
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(poll.get(), EPOLL_CTL_ADD, input.get(), &event) != 0) {
    if (errno != EPERM) return Error::last_system("watch the standard input");
    poll.reset();
  }
  return HostInput(input, std::move(poll));
}

Task<std::size_t> HostInput::read_some(std::span<std::byte> buffer) {
  for (;;) {
    if (poll_.is_open()) CO_TRY_VOID(co_await wait_readable(poll_.ref()));
    const ssize_t count =
        poll_.is_open() ? read_now(input_, buffer) : ::read(input_.get(), buffer.data(), buffer.size());
    if (count >= 0) co_return static_cast<std::size_t>(count);
    if (errno == EINTR || (errno == EAGAIN && poll_.is_open())) continue;  // what was announced is gone again
    if (errno == EIO) co_return std::size_t{0};  // a terminal, and we are in the background (SIGTTIN is ignored)
    co_return Error::last_system("read the standard input");
  }
}

}  // namespace brig::service
