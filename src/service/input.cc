#include "service/input.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include "async/stream.h"

namespace brig::service {

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
  if (poll_.is_open()) CO_TRY_VOID(co_await wait_readable(poll_.ref()));
  for (;;) {
    const ssize_t count = ::read(input_.get(), buffer.data(), buffer.size());
    if (count >= 0) co_return static_cast<std::size_t>(count);
    if (errno == EINTR) continue;
    if (errno == EIO) co_return std::size_t{0};  // a terminal, and we are in the background (SIGTTIN is ignored)
    co_return Error::last_system("read the standard input");
  }
}

}  // namespace brig::service
