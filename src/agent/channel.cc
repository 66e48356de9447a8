#include "agent/channel.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace brig::agent {
namespace {

using guest::Stream;

/// Below this much room for output no pipe is read: small frames cost more than they carry.
constexpr std::size_t kPumpRoom = Output::kReserve + guest::kHeaderSize + 4096;
/// How long the end of a killed command waits for the rest of its group, so that what they used is counted.
constexpr std::uint64_t kGroupGraceMs = 100;
constexpr char kEndOfTransmission = 4;  ///< ^D: what ends the input of a terminal in its usual mode

bool is_disk_full() {
  struct statvfs status{};
  if (::statvfs("/workspace", &status) != 0) return false;
  return status.f_bavail == 0 || (status.f_files > 0 && status.f_ffree == 0);
}

std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_usec);
}

/// Bytes that a reader would find in a pipe.
std::size_t waiting_in(int fd) {
  int count = 0;
  return fd >= 0 && ::ioctl(fd, FIONREAD, &count) == 0 && count > 0 ? static_cast<std::size_t>(count) : 0;
}

}  // namespace

std::uint64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

void Channel::open(std::uint32_t id, Kind kind) {
  *this = Channel();
  id_ = id;
  kind_ = kind;
  to_host_ = guest::kWindow;
  to_us_ = kind == Kind::kExec || kind == Kind::kDial ? guest::kStdinWindow : guest::kWindow;
}

void Channel::fail(int os_error, const char* step, Output& output) {
  output.send(guest::Failed{.os_error = static_cast<std::uint16_t>(os_error), .text = step}, id_);
  close();
}

void Channel::start(std::uint32_t id, const guest::Exec& request, Output& output) {
  open(id, Kind::kExec);
  const Spawned spawned = spawn(request);
  if (spawned.pid < 0) return fail(spawned.os_error, spawned.step, output);
  pid_ = spawned.pid;
  has_terminal_ = is_shared_ = (request.flags & guest::Exec::kTerminal) != 0;
  if (request.timeout_ms > 0) deadline_ = now_ms() + request.timeout_ms;
  take_pipes(spawned.pipes);
  if ((request.flags & guest::Exec::kForks) != 0) forks_ = std::exchange(sources_[2].fd, -1);
  output.send(guest::Started{.pid = static_cast<std::uint32_t>(pid_)}, id_);
}

void Channel::take_pipes(const Pipes& pipes) {
  in_ = pipes.in;
  sources_[0] = {.fd = pipes.out, .stream = Stream::kOut};
  sources_[1] = {.fd = pipes.err, .stream = Stream::kErr};
  sources_[2] = {.fd = pipes.results, .stream = Stream::kResults};
}

void Channel::start_forked(std::uint32_t id, const guest::Exec& request, int zygote, Output& output) {
  open(id, Kind::kExec);
  const Forking forking = ask_to_fork(request, zygote);
  if (forking.os_error != 0) return fail(forking.os_error, forking.step, output);
  born_ = forking.born;
  timeout_ms_ = request.timeout_ms;
  take_pipes(forking.pipes);
}

void Channel::hear_of_birth(std::span<Channel* const> all, Output& output) {
  std::int32_t number = 0;
  const ssize_t count = ::read(born_, &number, sizeof number);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  ::close(std::exchange(born_, -1));
  // It leads a group of its own, as every command. What is said here is said by a program inside, and believed of what
  // is inside only: at worst its own processes are taken for the command. Not another channel's, which would hear of
  // an end that is not its own.
  const auto has_it = [number](const Channel* channel) { return channel->leads(number); };
  if (count == sizeof number && number > 1 && ::getpgid(number) == number && std::ranges::none_of(all, has_it)) {
    pid_ = number;
    if (timeout_ms_ > 0) deadline_ = now_ms() + timeout_ms_;
    output.send(guest::Started{.pid = static_cast<std::uint32_t>(pid_)}, id_);
    return;
  }
  const bool is_errno = count == sizeof number && number < 0 && number >= -4095;
  fail(is_errno ? -number : ESRCH, "fork", output);
}

void Channel::start(std::uint32_t id, const guest::WriteFile& request, Output& output) {
  open(id, Kind::kWrite);
  void* memory = std::malloc(sizeof(Upload));  // `new` would bring the machinery of exceptions into the program
  if (memory != nullptr) upload_ = new (memory) Upload;
  const int error = upload_ == nullptr ? ENOMEM : upload_->open(request);
  if (error != 0) fail(error, "open", output);
}

void Channel::start(std::uint32_t id, const guest::ReadFile& request, Output& output) {
  open(id, Kind::kRead);
  left_ = request.limit;
  if (const int error = open_for_reading(request, in_); error != 0) fail(error, "open", output);
}

void Channel::start(std::uint32_t id, const guest::List& request, Output& output) {
  open(id, Kind::kList);
  void* memory = std::malloc(sizeof(ListJob));
  if (memory != nullptr) list_ = new (memory) ListJob;
  const int error = list_ == nullptr ? ENOMEM : list_->open(request);
  if (error != 0) fail(error, "open", output);
}

void Channel::start(std::uint32_t id, const guest::Watch& request, Output& output) {
  open(id, Kind::kWatch);
  void* memory = std::malloc(sizeof(WatchJob));
  if (memory != nullptr) watch_ = new (memory) WatchJob;
  const int error = watch_ == nullptr ? ENOMEM : watch_->open(request);
  if (error != 0) return fail(error, "watch", output);
  output.send(guest::Watching{}, id_);
}

void Channel::start(std::uint32_t id, const guest::Dial& request, Output& output) {
  open(id, Kind::kDial);
  is_shared_ = true;
  is_connecting_ = true;
  port_ = request.port;
  const int error = connect_to(AF_INET);
  if (error != EINPROGRESS) on_connect(error, output);
}

/// Begins to connect; EINPROGRESS if that takes a while.
int Channel::connect_to(int family) {
  if (in_ >= 0) ::close(in_);
  in_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (in_ < 0) return errno;
  const int at_once = 1;  // what is small is an answer that somebody waits for
  (void)::setsockopt(in_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port_);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port_);
  six.sin6_addr.s6_addr[15] = 1;
  const int result = family == AF_INET ? ::connect(in_, reinterpret_cast<const sockaddr*>(&four), sizeof four)
                                       : ::connect(in_, reinterpret_cast<const sockaddr*>(&six), sizeof six);
  return result == 0 ? 0 : errno;
}

void Channel::on_connect(int os_error, Output& output) {
  if (os_error != 0 && !is_second_try_) {
    is_second_try_ = true;
    const int error = connect_to(AF_INET6);
    if (error == EINPROGRESS) return;
    // Where only one of them answers in words, or IPv6 does not exist, the first answer tells more.
    os_error = error == 0 ? 0 : os_error;
  }
  if (os_error != 0) return fail(os_error, "connect", output);
  is_connecting_ = false;
  sources_[0] = {.fd = in_, .stream = Stream::kOut};
  output.send(guest::Connected{}, id_);
}

void Channel::on_deadline() {
  deadline_ = 0;
  is_group_awaited_ = false;
  if (kind_ != Kind::kExec || is_exit_due_ || is_exit_told_ || pid_ <= 0) return;
  exited_.flags |= guest::Exited::kTimedOut;
  ::kill(-pid_, SIGKILL);
}

void Channel::leave() {
  const bool has_ended = kind_ == Kind::kExec && is_exit_told_ && !has_terminal_;
  if (!has_ended) return close();
  close_stdin();
  if (forks_ >= 0) ::close(std::exchange(forks_, -1));
  id_ = 0;
  kind_ = Kind::kLeft;
}

void Channel::abandon() {
  pid_ = -1;
  close();
}

void Channel::close() {
  if ((kind_ == Kind::kExec || kind_ == Kind::kLeft) && pid_ > 0) {
    // The whole group, also after its leader has ended: what it left in the background goes too. (A number that was
    // reused since can only belong to this sandbox.)
    ::kill(-pid_, SIGKILL);
  }
  close_stdin();
  for (Source& source : sources_) {
    if (source.fd >= 0) ::close(source.fd);
  }
  for (const int fd : {born_, forks_}) {
    if (fd >= 0) ::close(fd);
  }
  if (list_ != nullptr) list_->~ListJob();
  std::free(list_);
  if (upload_ != nullptr) upload_->~Upload();
  std::free(upload_);
  if (watch_ != nullptr) watch_->~WatchJob();
  std::free(watch_);
  *this = Channel();
}

void Channel::close_stdin() {
  // A shared one is closed by the direction that ends last.
  if (in_ >= 0 && (!is_shared_ || sources_[0].fd < 0)) ::close(in_);
  in_ = -1;
  std::free(held_);
  held_ = nullptr;
  held_begin_ = held_end_ = 0;
}

void Channel::grant(std::size_t bytes, Output& output) {
  taken_ += static_cast<std::uint32_t>(bytes);
  const std::uint32_t window = kind_ == Kind::kExec || kind_ == Kind::kDial ? guest::kStdinWindow : guest::kWindow;
  if (taken_ < window / 2) return;
  output.send(guest::Window{.bytes = taken_}, id_);
  to_us_ += taken_;
  taken_ = 0;
}

bool Channel::on_data(std::span<const std::byte> bytes, Output& output) {
  if ((kind_ != Kind::kExec && kind_ != Kind::kWrite && kind_ != Kind::kDial) || is_input_ended_ || is_connecting_)
    return false;
  if (bytes.empty() || bytes.size() > to_us_) return false;
  to_us_ -= static_cast<std::uint32_t>(bytes.size());
  if (kind_ == Kind::kWrite) {
    const int error = upload_->write(bytes);
    if (error != 0) fail(error, "write", output);
    else grant(bytes.size(), output);
    return true;
  }
  if (in_ < 0) {  // nobody reads it any more
    grant(bytes.size(), output);
    return true;
  }
  if (held_ == nullptr) held_ = static_cast<std::byte*>(std::malloc(guest::kStdinWindow));
  if (held_ == nullptr) {
    close_stdin();
    grant(bytes.size(), output);
    return true;
  }
  if (guest::kStdinWindow - held_end_ <
      bytes.size()) {  // the credit bounds the sum, so it fits once moved to the front
    std::memmove(held_, held_ + held_begin_, held_end_ - held_begin_);
    held_end_ -= held_begin_;
    held_begin_ = 0;
  }
  if (!bytes.empty()) std::memcpy(held_ + held_end_, bytes.data(), bytes.size());
  held_end_ += bytes.size();
  flush_stdin(output);
  return true;
}

void Channel::flush_stdin(Output& output) {
  std::size_t taken = 0;
  while (held_begin_ < held_end_) {
    const ssize_t written = ::write(in_, held_ + held_begin_, held_end_ - held_begin_);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) break;
    if (written < 0) {  // EPIPE: the program has closed its input; the rest is dropped
      taken += held_end_ - held_begin_;
      close_stdin();
      break;
    }
    taken += static_cast<std::size_t>(written);
    held_begin_ += static_cast<std::size_t>(written);
  }
  if (held_begin_ == held_end_) {
    std::free(held_);
    held_ = nullptr;
    held_begin_ = held_end_ = 0;
    if (is_input_ended_) {
      if (has_terminal_ && in_ >= 0) (void)!::write(in_, &kEndOfTransmission, 1);
      if (kind_ == Kind::kDial && in_ >= 0) (void)::shutdown(in_, SHUT_WR);
      close_stdin();
    }
  }
  if (taken > 0) grant(taken, output);
  if (kind_ == Kind::kDial) finish_if_over(output);
}

bool Channel::on_end(Output& output) {
  if (is_input_ended_) return false;
  if (kind_ == Kind::kExec || (kind_ == Kind::kDial && !is_connecting_)) {
    is_input_ended_ = true;
    flush_stdin(output);
    return true;
  }
  if (kind_ != Kind::kWrite) return false;
  if (const int error = upload_->finish(); error != 0) {
    fail(error, "finish", output);
    return true;
  }
  output.send(guest::Done{}, id_);
  close();
  return true;
}

bool Channel::on_window(std::uint32_t bytes) {
  if (kind_ == Kind::kWrite || bytes > guest::kWindowMax - to_host_) return false;
  to_host_ += bytes;
  return true;
}

bool Channel::on_signal(int number) const {
  if (kind_ != Kind::kExec) return false;
  if (!is_exit_due_ && !is_exit_told_ && pid_ > 0) ::kill(-pid_, number);
  return true;
}

bool Channel::on_resize(const guest::Resize& size) const {
  if (kind_ != Kind::kExec || !has_terminal_) return false;
  if (sources_[0].fd >= 0) set_size(sources_[0].fd, size.rows, size.columns);
  return true;
}

void Channel::on_exit(int status, const rusage& usage, Output& output) {
  if (WIFSIGNALED(status)) exited_.flags |= guest::Exited::kSignalled;
  else exited_.flags = 0;  // it was quicker
  exited_.value = static_cast<std::uint8_t>(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  if (is_disk_full()) exited_.flags |= guest::Exited::kDiskFull;
  add_usage(usage);
  is_exit_due_ = true;
  is_group_awaited_ = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && ::kill(-pid_, 0) == 0;
  deadline_ = is_group_awaited_ ? now_ms() + kGroupGraceMs : 0;
  // What it left in its pipes goes first, so that a short program's whole life reaches the host in one piece.
  for (Source& source : sources_) pump(source, output);
  for (Source& source : sources_) pump(source, output);  // a second time for the end of the stream
  report_exit(output);
}

void Channel::on_orphan(const rusage& usage) {
  if (is_exit_told_) return;
  add_usage(usage);
  if (is_group_awaited_) is_group_awaited_ = ::kill(-pid_, 0) == 0;
}

void Channel::add_usage(const rusage& usage) {
  exited_.user_us += microseconds(usage.ru_utime);
  exited_.system_us += microseconds(usage.ru_stime);
  exited_.max_rss = std::max(exited_.max_rss, static_cast<std::uint64_t>(usage.ru_maxrss) * 1024);
}

void Channel::report_exit(Output& output) {
  if (!is_exit_due_ || is_group_awaited_ || output.room() < Output::kReserve) return;
  output.send(exited_, id_);
  is_exit_due_ = false;
  is_exit_told_ = true;
  finish_if_over(output);
}

void Channel::finish_if_over(Output& output) {
  if (kind_ == Kind::kDial && !is_connecting_ && sources_[0].fd < 0 && in_ < 0) {
    output.send(guest::Done{}, id_);
    return close();
  }
  if (kind_ != Kind::kExec || !is_exit_told_) return;
  for (const Source& source : sources_) {
    if (source.fd >= 0) return;
  }
  pid_ = -1;  // ended by itself: nothing to kill
  close();
}

/// How many bytes of it went to the host.
std::size_t Channel::pump(Source& source, Output& output, std::size_t most) {
  if (source.fd < 0 || to_host_ == 0 || output.room() < kPumpRoom) return 0;
  const std::span<std::byte> room = output.data_room(std::min<std::size_t>(to_host_, most));
  const ssize_t count = ::read(source.fd, room.data(), room.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (count < 0 && kind_ == Kind::kDial) {
    fail(errno, "read", output);
    return 0;
  }
  if (count > 0) {
    output.commit_data(id_, source.stream, static_cast<std::size_t>(count));
    to_host_ -= static_cast<std::uint32_t>(count);
    return static_cast<std::size_t>(count);
  }
  // The end: 0 from a pipe, EIO from a terminal that nobody has open any more.
  if (has_terminal_ && source.stream == Stream::kOut) close_stdin();
  if (!is_shared_ || in_ < 0) ::close(source.fd);
  source.fd = -1;
  output.send_end(id_, source.stream);
  finish_if_over(output);
  return 0;
}

/// What was printed before a result goes before it: of the results only so much is read as was there before the other
/// streams were read as far as they were filled.
void Channel::pump_results(Source& results, Output& output) {
  const std::size_t there = waiting_in(results.fd);
  for (Source* const printed : {&sources_[0], &sources_[1]}) {
    for (std::size_t left = waiting_in(printed->fd); left > 0;) {
      const std::size_t count = pump(*printed, output, left);
      if (count == 0) return;  // no credit: the results wait as well
      left -= count;
    }
  }
  pump(results, output, std::max<std::size_t>(there, 1));  // or hear of the end
}

std::size_t Channel::poll_for(std::span<pollfd, kPollMax> fds, const Output& output) const {
  if (kind_ == Kind::kWatch) {
    const int fd = watch_->descriptor(to_host_, output);
    fds[0] = {.fd = fd, .events = POLLIN, .revents = 0};
    return fd >= 0 ? 1 : 0;
  }
  if (is_connecting_) {
    fds[0] = {.fd = in_, .events = POLLOUT, .revents = 0};
    return 1;
  }
  if (is_forking()) {
    if (output.room() < Output::kReserve) return 0;
    fds[0] = {.fd = born_, .events = POLLIN, .revents = 0};
    return 1;
  }
  std::size_t count = 0;
  if (kind_ == Kind::kLeft) {
    for (const Source& source : sources_) {
      if (source.fd >= 0) fds[count++] = {.fd = source.fd, .events = POLLIN, .revents = 0};
    }
    return count;
  }
  if (kind_ != Kind::kExec && kind_ != Kind::kDial) return 0;
  // A descriptor that we may not read now is left out: poll would report its hang-up again and again.
  const bool may_read = to_host_ > 0 && output.room() >= kPumpRoom;
  for (const Source& source : sources_) {
    if (source.fd >= 0 && may_read) fds[count++] = {.fd = source.fd, .events = POLLIN, .revents = 0};
  }
  if (in_ < 0 || held_begin_ == held_end_) return count;
  if (is_shared_ && count > 0) {
    fds[0].events = POLLIN | POLLOUT;
  } else {
    fds[count++] = {.fd = in_, .events = POLLOUT, .revents = 0};
  }
  return count;
}

void Channel::on_ready(const pollfd& ready, Output& output) {
  if (ready.revents == 0) return;
  if (is_connecting_) {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(in_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    return on_connect(error, output);
  }
  if (kind_ == Kind::kLeft) return drop_output(ready);
  if (kind_ != Kind::kExec && kind_ != Kind::kDial) return;  // a watch reads in advance()
  if (ready.fd == in_ && (ready.revents & (POLLOUT | POLLERR | POLLHUP)) != 0 && (ready.events & POLLOUT) != 0) {
    flush_stdin(output);
  }
  if ((ready.events & POLLIN) == 0 || (ready.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return;
  for (Source& source : sources_) {
    if (source.fd == ready.fd) {
      if (source.stream == Stream::kResults) pump_results(source, output);
      else pump(source, output);
      return;
    }
  }
}

void Channel::drop_output(const pollfd& ready) {
  std::byte dropped[4096];
  bool is_open = false;
  for (Source& source : sources_) {
    if (source.fd < 0) continue;
    if (source.fd == ready.fd && ::read(source.fd, dropped, sizeof dropped) == 0) {
      ::close(source.fd);
      source.fd = -1;
    }
    is_open = is_open || source.fd >= 0;
  }
  if (!is_open) abandon();
}

bool Channel::read_file(Output& output) {
  if (to_host_ == 0 || output.room() < kPumpRoom) return false;
  const std::span<std::byte> room = output.data_room(std::min<std::uint64_t>(to_host_, left_));
  const ssize_t count = room.empty() ? 0 : ::read(in_, room.data(), room.size());
  if (count < 0) {
    if (errno == EINTR) return true;
    fail(errno, "read", output);
    return false;
  }
  if (count == 0) {
    output.send(guest::Done{}, id_);
    close();
    return false;
  }
  output.commit_data(id_, Stream::kFile, static_cast<std::size_t>(count));
  to_host_ -= static_cast<std::uint32_t>(count);
  left_ -= static_cast<std::uint64_t>(count);
  return to_host_ > 0;
}

bool Channel::advance(Output& output) {
  switch (kind_) {
    case Kind::kExec: report_exit(output); return false;
    case Kind::kRead: return read_file(output);
    case Kind::kList: {
      if (output.room() < 2 * Output::kReserve) return false;
      if (!list_->step(id_, to_host_, output)) return to_host_ >= ListJob::kEntryRoom;
      if (output.room() < Output::kReserve) return false;
      output.send(guest::Done{.flags = list_->is_truncated() ? guest::Done::kTruncated : std::uint8_t{0}}, id_);
      close();
      return false;
    }
    case Kind::kWatch:
      if (!watch_->step(id_, to_host_, output)) return watch_->has_more(to_host_, output);
      if (output.room() < Output::kReserve) return true;
      output.send(guest::Done{}, id_);
      close();
      return false;
    case Kind::kFree:
    case Kind::kDial:
    case Kind::kLeft:
    case Kind::kWrite: return false;
  }
  return false;
}

}  // namespace brig::agent
