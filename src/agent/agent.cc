#include "agent/agent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

#include "agent/channel.h"
#include "agent/files.h"
#include "agent/output.h"
#include "agent/ports.h"
#include "guest/file_messages.h"
#include "guest/messages.h"

namespace brig::agent {
namespace {

using guest::Header;
using guest::kHeaderSize;
using guest::Type;

volatile sig_atomic_t g_child_has_ended = 0;
void on_child(int) { g_child_has_ended = 1; }

/// What is polled first: the channel's two directions.
constexpr std::size_t kOwnPolled = 2;

class Agent {
 public:
  [[noreturn]] void run(int in, int out, Carrier carrier);

 private:
  void prepare();
  void wait_for_work(bool has_frames, bool has_more);
  bool take_frames();
  void receive();
  void reap();
  [[noreturn]] void end(int code);
  [[noreturn]] void broken() { end(kBrokenPeer); }

  void dispatch(const Header& header, std::span<const std::byte> payload);
  void start_command(const Header& header, std::span<const std::byte> payload);
  bool hear_of_births();
  [[nodiscard]] std::span<Channel* const> channels() const { return std::span(channels_).first(channels_used_); }
  void list_ports(std::uint32_t channel);
  const timespec* time_left(timespec& left);
  void on_control(const Header& header, std::span<const std::byte> payload);
  void on_request(const Header& header, std::span<const std::byte> payload);
  void on_message(Channel& channel, const Header& header, std::span<const std::byte> payload);
  Channel* find(std::uint32_t id);
  Channel* free_channel(std::uint32_t id);

  /// Decodes, or ends: a host that sends what we cannot read is not our host.
  template <class Message>
  Message read(const Header& header, std::span<const std::byte> payload) {
    const auto message = guest::decode<Message>(header, payload);
    if (!message.has_value()) broken();
    return *message;
  }
  template <class Message>
  void start(const Header& header, std::span<const std::byte> payload) {
    const auto request = read<Message>(header, payload);
    if (Channel* channel = free_channel(header.channel); channel != nullptr)
      channel->start(header.channel, request, output_);
  }
  template <class Message>
  void answer(const Header& header, int os_error, const Message& message) {
    if (os_error != 0) {
      output_.send(guest::Failed{.os_error = static_cast<std::uint16_t>(os_error), .text = {}}, header.channel);
    } else {
      output_.send(message, header.channel);
    }
  }

  int in_ = -1;
  int out_ = -1;
  Carrier carrier_ = Carrier::kSocket;
  bool has_greeted_ = false;
  std::uint32_t last_channel_ =
      0;  ///< numbers only rise, so that a late frame for a channel that is over is told from nonsense
  std::size_t channels_used_ = 0;                       ///< slots that were ever used
  std::array<Channel*, guest::kChannelsMax> channels_;  ///< made when first used, used again when free
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
  std::array<std::byte, kHeaderSize + guest::kPayloadMax> input_;
  Output output_;
  std::array<pollfd, kOwnPolled + guest::kChannelsMax * Channel::kPollMax> polled_;
  std::array<std::size_t, guest::kChannelsMax + 1> polled_from_;  ///< where each slot's descriptors begin in polled_
};

void Agent::prepare() {
  // Programs inside run as the same user: they must not read our memory or trace us.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // Whose parent is gone is ours, as it is process 1's anyway.
  if (::getpid() != 1) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::umask(0);  // modes of files are exact; spawn() gives commands the usual one
  for (int number : kIgnoredSignals) ::signal(number, SIG_IGN);
  struct sigaction action{};
  action.sa_handler = on_child;
  ::sigaction(SIGCHLD, &action, nullptr);
  // Everything stays blocked but in ppoll, so that no signal comes between looking at the flag and sleeping.
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

void Agent::end(int code) {
  if (::getpid() == 1) {
    ::kill(-1, SIGKILL);
  } else {
    for (std::size_t i = 0; i < channels_used_; ++i) channels_[i]->close();
  }
  ::_exit(code);
}

Channel* Agent::find(std::uint32_t id) {
  for (std::size_t i = 0; i < channels_used_; ++i) {
    const Channel::Kind kind = channels_[i]->kind();
    if (kind != Channel::Kind::kFree && kind != Channel::Kind::kLeft && channels_[i]->id() == id) return channels_[i];
  }
  return nullptr;
}

/// A slot for a new operation, or nullptr after Failed was sent because there is no memory.
Channel* Agent::free_channel(std::uint32_t id) {
  for (std::size_t i = 0; i < channels_used_; ++i) {
    if (channels_[i]->kind() == Channel::Kind::kFree) return channels_[i];
  }
  if (channels_used_ == channels_.size()) {
    for (Channel* channel : channels_) {
      if (channel->kind() != Channel::Kind::kLeft) continue;
      channel->abandon();
      return channel;
    }
    broken();
  }
  void* memory = std::malloc(sizeof(Channel));
  if (memory == nullptr) {
    output_.send(guest::Failed{.os_error = ENOMEM, .text = "memory"}, id);
    return nullptr;
  }
  return channels_[channels_used_++] = new (memory) Channel;
}

void Agent::reap() {
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    const pid_t pid = info.si_pid;
    const pid_t group = ::getpgid(pid);  // known until it is reaped
    int status = 0;
    rusage usage{};
    // A forked command says which one it is before it can end; that is heard before its end.
    if (!hear_of_births()) {
      g_child_has_ended = 1;  // both wait until the host has taken something
      return;
    }
    if (::wait4(pid, &status, WNOHANG, &usage) != pid) return;
    for (std::size_t i = 0; i < channels_used_; ++i) {
      if (channels_[i]->kind() != Channel::Kind::kExec) continue;
      if (channels_[i]->pid() == pid) channels_[i]->on_exit(status, usage, output_);
      else if (channels_[i]->pid() == group) channels_[i]->on_orphan(usage);
      else continue;
      break;
    }
  }
}

/// False if there is no room to tell of one.
bool Agent::hear_of_births() {
  for (std::size_t i = 0; i < channels_used_; ++i) {
    if (!channels_[i]->is_forking()) continue;
    if (output_.room() < Output::kReserve) return false;
    channels_[i]->hear_of_birth(channels(), output_);
  }
  return true;
}

void Agent::start_command(const Header& header, std::span<const std::byte> payload) {
  const auto request = read<guest::Exec>(header, payload);
  Channel* channel = free_channel(header.channel);
  if (channel == nullptr) return;
  if (request.zygote == 0) return channel->start(header.channel, request, output_);
  const Channel* zygote = find(request.zygote);
  channel->start_forked(header.channel, request, zygote == nullptr ? -1 : zygote->forks(), output_);
}

void Agent::on_control(const Header& header, std::span<const std::byte> payload) {
  if (header.type == Type::kHello && !has_greeted_) {
    const auto hello = read<guest::Hello>(header, payload);
    has_greeted_ = true;
    output_.send(guest::HelloAck{.features = guest::HelloAck::kForks}, 0);
    if (hello.version == guest::kProtocolVersion) return;
    (void)output_.flush(out_, carrier_);  // it should learn which version we speak
    broken();
  }
  if (header.type == Type::kStop && has_greeted_) {
    (void)read<guest::Stop>(header, payload);
    end(0);
  }
  broken();
}

void Agent::on_request(const Header& header, std::span<const std::byte> payload) {
  switch (header.type) {
    case Type::kExec: return start_command(header, payload);
    case Type::kWriteFile: return start<guest::WriteFile>(header, payload);
    case Type::kReadFile: return start<guest::ReadFile>(header, payload);
    case Type::kList: return start<guest::List>(header, payload);
    case Type::kDial: return start<guest::Dial>(header, payload);
    case Type::kWatch: return start<guest::Watch>(header, payload);
    case Type::kListPorts: {
      (void)read<guest::ListPorts>(header, payload);
      return list_ports(header.channel);
    }
    case Type::kStat: {
      const PathText path(read<guest::Stat>(header, payload).path);
      std::array<char, guest::kPathMax + 1> link;
      guest::Entry entry;
      const int error = describe(AT_FDCWD, path.c_str(), link, entry);
      answer(header, error, entry);
      if (error == 0) output_.send(guest::Done{}, header.channel);
      return;
    }
    case Type::kMakeDir: return answer(header, make_dir(read<guest::MakeDir>(header, payload)), guest::Done{});
    case Type::kMove: return answer(header, move(read<guest::Move>(header, payload)), guest::Done{});
    case Type::kRemove: return answer(header, remove(read<guest::Remove>(header, payload)), guest::Done{});
    case Type::kChmod: return answer(header, change_mode(read<guest::Chmod>(header, payload)), guest::Done{});
    default: broken();
  }
}

void Agent::list_ports(std::uint32_t channel) {
  Ports ports;
  if (const int error = find_listening_ports(ports); error != 0) {
    output_.send(guest::Failed{.os_error = static_cast<std::uint16_t>(error), .text = "/proc/net/tcp"}, channel);
    return;
  }
  guest::Done done;
  std::size_t count = 0;  // all of them fit in Output::kReserve
  for (std::uint32_t port = 1; port <= UINT16_MAX; ++port) {
    if (!ports.has(port)) continue;
    if (++count > guest::kPortsMax) {
      done.flags = guest::Done::kTruncated;
      break;
    }
    output_.send(guest::Port{.port = static_cast<std::uint16_t>(port)}, channel);
  }
  output_.send(done, channel);
}

void Agent::on_message(Channel& channel, const Header& header, std::span<const std::byte> payload) {
  bool is_sane = false;
  switch (header.type) {
    case Type::kData: is_sane = header.stream == guest::Stream::kIn && channel.on_data(payload, output_); break;
    case Type::kEnd: is_sane = header.stream == guest::Stream::kIn && payload.empty() && channel.on_end(output_); break;
    case Type::kWindow: is_sane = channel.on_window(read<guest::Window>(header, payload).bytes); break;
    case Type::kSignal: is_sane = channel.on_signal(read<guest::Signal>(header, payload).number); break;
    case Type::kResize: is_sane = channel.on_resize(read<guest::Resize>(header, payload)); break;
    case Type::kClose:
      (void)read<guest::Close>(header, payload);
      channel.leave();
      output_.send(guest::Closed{}, header.channel);
      is_sane = true;
      break;
    default: break;
  }
  if (!is_sane) broken();
}

void Agent::dispatch(const Header& header, std::span<const std::byte> payload) {
  if (header.channel == 0) return on_control(header, payload);
  if (!has_greeted_) broken();
  if (header.channel > last_channel_) {
    last_channel_ = header.channel;
    return on_request(header, payload);
  }
  Channel* channel = find(header.channel);
  if (channel != nullptr) return on_message(*channel, header, payload);
  // Sent before the host heard that the channel is over. Still has to be something that may be sent on one.
  const bool may_be_late = header.type == Type::kData || header.type == Type::kEnd || header.type == Type::kWindow ||
                           header.type == Type::kSignal || header.type == Type::kResize || header.type == Type::kClose;
  if (!may_be_late || !guest::check(header, payload).has_value()) broken();
}

/// Handles the complete frames there are, while there is room for their answers. True if one is left.
bool Agent::take_frames() {
  while (input_end_ - input_begin_ >= kHeaderSize) {
    const std::span<const std::byte> input = std::span(input_).subspan(input_begin_, input_end_ - input_begin_);
    const auto header = guest::decode_header(input.first<kHeaderSize>());
    if (!header.has_value()) broken();
    if (input.size() < kHeaderSize + header->length) break;
    if (output_.room() < 2 * Output::kReserve) return true;
    dispatch(*header, input.subspan(kHeaderSize, header->length));
    input_begin_ += kHeaderSize + header->length;
  }
  if (input_begin_ == input_end_) input_begin_ = input_end_ = 0;
  return false;
}

void Agent::receive() {
  if (input_begin_ > 0) {
    std::memmove(input_.data(), input_.data() + input_begin_, input_end_ - input_begin_);
    input_end_ -= input_begin_;
    input_begin_ = 0;
  }
  std::byte* const room = input_.data() + input_end_;
  const std::size_t size = input_.size() - input_end_;
  const ssize_t count = carrier_ == Carrier::kSocket ? ::recv(in_, room, size, MSG_DONTWAIT) : ::read(in_, room, size);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) end(0);  // the host is gone, and with it the reason for everything here
  input_end_ += static_cast<std::size_t>(count);
}

/// How long to sleep at most for the commands' deadlines; those that have passed are kept now. nullptr = for ever.
const timespec* Agent::time_left(timespec& left) {
  std::uint64_t first = 0;
  std::uint64_t now = 0;
  bool has_passed = false;
  for (std::size_t i = 0; i < channels_used_; ++i) {
    if (channels_[i]->deadline() == 0) continue;
    if (now == 0) now = now_ms();
    if (channels_[i]->deadline() <= now) {
      channels_[i]->on_deadline();
      has_passed = true;
    } else if (first == 0 || channels_[i]->deadline() < first) {
      first = channels_[i]->deadline();
    }
  }
  if (has_passed) first = now;  // what follows from it comes first
  if (first == 0) return nullptr;
  left.tv_sec = static_cast<time_t>((first - now) / 1000);
  left.tv_nsec = static_cast<long>((first - now) % 1000 * 1'000'000);
  return &left;
}

/// Sleeps until something is ready, and handles it.
void Agent::wait_for_work(bool has_frames, bool has_more) {
  const bool may_receive = !has_frames;
  // A pipe that nobody reads any more says so without being asked; a socket is polled once.
  polled_[0] = {.fd = in_, .events = 0, .revents = 0};
  polled_[1] = {.fd = carrier_ == Carrier::kSocket ? -1 : out_, .events = 0, .revents = 0};
  if (may_receive) polled_[0].events |= POLLIN;
  if (!output_.is_empty()) polled_[carrier_ == Carrier::kSocket ? 0 : 1].events |= POLLOUT;
  std::size_t count = kOwnPolled;
  for (std::size_t i = 0; i < channels_used_; ++i) {
    polled_from_[i] = count;
    count += channels_[i]->poll_for(std::span(polled_).subspan(count).first<Channel::kPollMax>(), output_);
  }
  const std::size_t slots = channels_used_;
  polled_from_[slots] = count;
  sigset_t none;
  ::sigemptyset(&none);
  const timespec at_once{};
  // More to do at once only makes sense while the host takes what we have.
  const bool is_stuck = !output_.is_empty();
  timespec left{};
  const timespec* patience = time_left(left);
  if ((has_frames || has_more) && !is_stuck) patience = &at_once;
  const int ready = ::ppoll(polled_.data(), count, patience, &none);
  if (ready <= 0) return;  // EINTR: a child has ended
  if ((polled_[0].revents & (POLLERR | POLLHUP)) != 0 && !may_receive) end(0);
  if ((polled_[1].revents & (POLLERR | POLLHUP)) != 0) end(0);
  for (std::size_t i = 0; i < slots; ++i) {
    for (std::size_t at = polled_from_[i]; at < polled_from_[i + 1]; ++at) {
      if (!channels_[i]->is_forking()) channels_[i]->on_ready(polled_[at], output_);
      else if (polled_[at].revents != 0) channels_[i]->hear_of_birth(channels(), output_);
    }
  }
  if (may_receive && polled_[0].revents != 0 && (polled_[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) receive();
}

void Agent::run(int in, int out, Carrier carrier) {
  in_ = in;
  out_ = out;
  carrier_ = carrier;
  prepare();
  while (true) {
    const bool has_frames = take_frames();
    bool has_more = false;
    if (g_child_has_ended != 0) {
      g_child_has_ended = 0;
      reap();
    }
    for (std::size_t i = 0; i < channels_used_; ++i) has_more = channels_[i]->advance(output_) || has_more;
    if (!output_.flush(out_, carrier_)) end(0);
    wait_for_work(has_frames, has_more);
  }
}

/// In the zeroed part of the program: pages of the buffers exist only once they are used.
alignas(Agent) std::array<std::byte, sizeof(Agent)> g_storage;

}  // namespace

void serve(int channel_fd) {
  auto* agent = new (g_storage.data()) Agent;  // without (): the arrays stay untouched
  agent->run(channel_fd, channel_fd, Carrier::kSocket);
}

void serve(int in, int out) {
  for (const int fd : {in, out}) {
    if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) ::_exit(kBrokenPeer);
  }
  auto* agent = new (g_storage.data()) Agent;
  agent->run(in, out, Carrier::kPipes);
}

}  // namespace brig::agent
