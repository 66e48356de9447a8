#include "runtimes/remote/relay.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/stream.h"
#include "async/timer.h"
#include "http/bridge.h"
#include "sys/confine.h"
#include "sys/file.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::remote {
namespace {

constexpr Milliseconds kStartLimit{20'000};
/// The other side answers pings as long as it lives; three that it does not are its end.
constexpr Milliseconds kPing{20'000};
constexpr std::size_t kWordMax = 1024;

/// One message: empty when the channel is connected, or why it is not.
void tell(FdRef status, std::string_view word) {
  const std::string message = "." + std::string(word.substr(0, kWordMax - 1));
  (void)sys::send_message(status, std::as_bytes(std::span(message)));
}

Task<> carry(Destination destination, std::string target, Fd channel, FdRef status) {
  const auto executor = co_await asio::this_coro::executor;
  http::Client client(executor, destination.url, client_options(destination));
  CO_TRY(const auto socket, co_await client.websocket(std::move(target), key_header(destination)));
  (*socket)->keep_alive(kPing);
  CO_TRY_VOID(sys::confine_self({.writable = {}, .usable = {}, .readable = {}, .has_network = false}));
  CO_TRY(auto stream, StreamSocket::adopt(executor, std::move(channel)));
  tell(status, {});
  CO_TRY_VOID(co_await http::bridge(**socket, stream));
  co_return Result<>();
}

/// Ctrl-C reaches every process of a terminal; we are ended by who made us.
void set_signals() {
  sys::reset_signals();
  for (const int signal : {SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) (void)::signal(signal, SIG_IGN);
}

[[noreturn]] void be_relay(Destination destination, std::string target, Fd channel, Fd status, pid_t parent) {
  ::prctl(PR_SET_NAME, "brig-relay");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(1);
  set_signals();
  // Else other sandboxes' channels would not end while this process lives.
  sys::close_all_but(std::array{channel.ref(), status.ref()});
  asio::io_context io(1);
  const auto carried = run(io, carry(std::move(destination), std::move(target), std::move(channel), status.ref()));
  if (!carried) tell(status.ref(), carried.error().message());
  ::_exit(carried ? 0 : 1);
}

Task<std::string> first_word(FdRef status) {
  std::array<std::byte, kWordMax> buffer;
  while (true) {
    auto message = sys::receive_message(status, buffer);
    if (!message && message.error().os_error() == EAGAIN) {
      CO_TRY_VOID(co_await wait_readable(status));
      continue;
    }
    if (!message) co_return std::move(message).error();
    if (message->size == 0) co_return Error(Code::kUnavailable, "the process that was to carry the channel is gone");
    co_return std::string(reinterpret_cast<const char*>(buffer.data()) + 1, message->size - 1);
  }
}

}  // namespace

Task<Relay> start_relay(Destination destination, std::string target) {
  if (!sys::is_single_threaded())
    co_return Error(Code::kUnsupported, "the remote wall is for programs with one thread: it forks");
  CO_TRY(auto channel, sys::stream_pair());
  CO_TRY(auto status, sys::seqpacket_pair());
  const pid_t parent = ::getpid();
  CO_TRY(auto child, sys::clone(0, FdRef()));
  if (!child)
    be_relay(std::move(destination), std::move(target), std::move(channel.second), std::move(status.second), parent);
  Relay relay{.process = *std::move(child), .channel = std::move(channel.first)};
  channel.second.reset();
  status.second.reset();
  CO_TRY_VOID(sys::set_nonblocking(status.first.ref(), true));
  CO_TRY_VOID(sys::set_nonblocking(relay.channel.ref(), true));
  CO_TRY(const std::string word,
         co_await with_timeout(kStartLimit, first_word(status.first.ref()), "connecting the channel"));
  if (!word.empty()) co_return Error(Code::kUnavailable, "connect the channel to " + destination.host + ": " + word);
  co_return relay;
}

}  // namespace brig::runtimes::remote
