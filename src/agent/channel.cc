#include "agent/channel.h"

#include <signal.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
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
constexpr char kEndOfTransmission = 4;  ///< ^D: what ends the input of a terminal in its usual mode

bool is_disk_full() {
  struct statvfs status{};
  if (::statvfs("/workspace", &status) != 0) return false;
  return status.f_bavail == 0 || (status.f_files > 0 && status.f_ffree == 0);
}

std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_usec);
}

}  // namespace

void Channel::open(std::uint32_t id, Kind kind) {
  *this = Channel();
  id_ = id;
  kind_ = kind;
  to_host_ = guest::kWindow;
  to_us_ = kind == Kind::kExec ? guest::kStdinWindow : guest::kWindow;
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
  has_terminal_ = (request.flags & guest::Exec::kTerminal) != 0;
  in_ = spawned.pipes.in;
  sources_[0] = {.fd = spawned.pipes.out, .stream = Stream::kOut};
  sources_[1] = {.fd = spawned.pipes.err, .stream = Stream::kErr};
  sources_[2] = {.fd = spawned.pipes.results, .stream = Stream::kResults};
  output.send(guest::Started{.pid = static_cast<std::uint32_t>(pid_)}, id_);
}

void Channel::start(std::uint32_t id, const guest::WriteFile& request, Output& output) {
  open(id, Kind::kWrite);
  if (const int error = open_for_writing(request, in_); error != 0) fail(error, "open", output);
}

void Channel::start(std::uint32_t id, const guest::ReadFile& request, Output& output) {
  open(id, Kind::kRead);
  left_ = request.limit;
  if (const int error = open_for_reading(request, in_); error != 0) fail(error, "open", output);
}

void Channel::start(std::uint32_t id, const guest::List& request, Output& output) {
  open(id, Kind::kList);
  void* memory = std::malloc(sizeof(ListJob));  // `new` would bring the machinery of exceptions into the program
  if (memory != nullptr) list_ = new (memory) ListJob;
  const int error = list_ == nullptr ? ENOMEM : list_->open(request);
  if (error != 0) fail(error, "open", output);
}

void Channel::close() {
  if (kind_ == Kind::kExec && pid_ > 0) {
    // The whole group, also after its leader has ended: what it left in the background goes too. (A number that was
    // reused since can only belong to this sandbox.)
    ::kill(-pid_, SIGKILL);
  }
  close_stdin();
  for (Source& source : sources_) {
    if (source.fd >= 0) ::close(source.fd);
  }
  if (list_ != nullptr) list_->~ListJob();
  std::free(list_);
  *this = Channel();
}

void Channel::close_stdin() {
  if (in_ >= 0 && !has_terminal_) ::close(in_);  // a terminal's is its output as well and closed there
  in_ = -1;
  std::free(held_);
  held_ = nullptr;
  held_begin_ = held_end_ = 0;
}

void Channel::grant(std::size_t bytes, Output& output) {
  taken_ += static_cast<std::uint32_t>(bytes);
  const std::uint32_t window = kind_ == Kind::kExec ? guest::kStdinWindow : guest::kWindow;
  if (taken_ < window / 2) return;
  output.send(guest::Window{.bytes = taken_}, id_);
  to_us_ += taken_;
  taken_ = 0;
}

bool Channel::on_data(std::span<const std::byte> bytes, Output& output) {
  if ((kind_ != Kind::kExec && kind_ != Kind::kWrite) || is_input_ended_) return false;
  if (bytes.empty() || bytes.size() > to_us_) return false;
  to_us_ -= static_cast<std::uint32_t>(bytes.size());
  if (kind_ == Kind::kWrite) {
    std::span<const std::byte> rest = bytes;
    while (!rest.empty()) {
      const ssize_t written = ::write(in_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        fail(errno, "write", output);
        return true;
      }
      rest = rest.subspan(static_cast<std::size_t>(written));
    }
    grant(bytes.size(), output);
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
      close_stdin();
    }
  }
  if (taken > 0) grant(taken, output);
}

bool Channel::on_end(Output& output) {
  if (is_input_ended_) return false;
  if (kind_ == Kind::kExec) {
    is_input_ended_ = true;
    flush_stdin(output);
    return true;
  }
  if (kind_ != Kind::kWrite) return false;
  const int closed = ::close(std::exchange(in_, -1));
  if (closed != 0 && errno != EINTR) {
    fail(errno, "close", output);
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
  if (!is_exit_due_ && !is_exit_told_) ::kill(-pid_, number);
  return true;
}

bool Channel::on_resize(const guest::Resize& size) const {
  if (kind_ != Kind::kExec || !has_terminal_) return false;
  if (sources_[0].fd >= 0) set_size(sources_[0].fd, size.rows, size.columns);
  return true;
}

void Channel::on_exit(int status, const rusage& usage, Output& output) {
  exited_.flags = WIFSIGNALED(status) ? guest::Exited::kSignalled : std::uint8_t{0};
  exited_.value = static_cast<std::uint8_t>(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  if (is_disk_full()) exited_.flags |= guest::Exited::kDiskFull;
  exited_.user_us = microseconds(usage.ru_utime);
  exited_.system_us = microseconds(usage.ru_stime);
  exited_.max_rss = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  is_exit_due_ = true;
  // What it left in its pipes goes first, so that a short program's whole life reaches the host in one piece.
  for (Source& source : sources_) pump(source, output);
  for (Source& source : sources_) pump(source, output);  // a second time for the end of the stream
  report_exit(output);
}

void Channel::report_exit(Output& output) {
  if (!is_exit_due_ || output.room() < Output::kReserve) return;
  output.send(exited_, id_);
  is_exit_due_ = false;
  is_exit_told_ = true;
  finish_if_over();
}

void Channel::finish_if_over() {
  if (kind_ != Kind::kExec || !is_exit_told_) return;
  for (const Source& source : sources_) {
    if (source.fd >= 0) return;
  }
  pid_ = -1;  // ended by itself: nothing to kill
  close();
}

void Channel::pump(Source& source, Output& output) {
  if (source.fd < 0 || to_host_ == 0 || output.room() < kPumpRoom) return;
  const std::span<std::byte> room = output.data_room(to_host_);
  const ssize_t count = ::read(source.fd, room.data(), room.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) {
    output.commit_data(id_, source.stream, static_cast<std::size_t>(count));
    to_host_ -= static_cast<std::uint32_t>(count);
    return;
  }
  // The end: 0 from a pipe, EIO from a terminal that nobody has open any more.
  if (has_terminal_ && source.stream == Stream::kOut) close_stdin();
  ::close(source.fd);
  source.fd = -1;
  output.send_end(id_, source.stream);
  finish_if_over();
}

std::size_t Channel::poll_for(std::span<pollfd, kPollMax> fds, const Output& output) const {
  if (kind_ != Kind::kExec) return 0;
  std::size_t count = 0;
  // A descriptor that we may not read now is left out: poll would report its hang-up again and again.
  const bool may_read = to_host_ > 0 && output.room() >= kPumpRoom;
  for (const Source& source : sources_) {
    if (source.fd >= 0 && may_read) fds[count++] = {.fd = source.fd, .events = POLLIN, .revents = 0};
  }
  if (in_ < 0 || held_begin_ == held_end_) return count;
  if (has_terminal_ && count > 0) {
    fds[0].events = POLLIN | POLLOUT;
  } else {
    fds[count++] = {.fd = in_, .events = POLLOUT, .revents = 0};
  }
  return count;
}

void Channel::on_ready(const pollfd& ready, Output& output) {
  if (kind_ != Kind::kExec || ready.revents == 0) return;
  if (ready.fd == in_ && (ready.revents & (POLLOUT | POLLERR | POLLHUP)) != 0 && (ready.events & POLLOUT) != 0) {
    flush_stdin(output);
  }
  if ((ready.events & POLLIN) == 0 || (ready.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return;
  for (Source& source : sources_) {
    if (source.fd == ready.fd) {
      pump(source, output);
      return;
    }
  }
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
    case Kind::kFree:
    case Kind::kWrite: return false;
  }
  return false;
}

}  // namespace brig::agent
