#include "runtimes/remote/relay.h"

#include <unistd.h>

#include <array>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/stream.h"
#include "async/timer.h"
#include "base/text.h"
#include "http/bridge.h"
#include "runtimes/remote/helper.h"
#include "sys/confine.h"
#include "sys/file.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::remote {
namespace {

constexpr Milliseconds kStartLimit{20'000};
/// The other side answers pings as long as it lives; three that it does not are its end.
constexpr Milliseconds kPing{20'000};

Task<> carry(Destination destination, std::string target, Fd channel, FdRef status) {
  const auto executor = co_await asio::this_coro::executor;
  http::Client client(executor, destination.url, client_options(destination));
  CO_TRY(const auto socket, co_await client.websocket(std::move(target), key_header(destination)));
  (*socket)->keep_alive(kPing);
  CO_TRY_VOID(sys::confine_self({.writable = {}, .usable = {}, .readable = {}, .has_network = false}));
  CO_TRY(auto stream, StreamSocket::adopt(executor, std::move(channel)));
  tell(status, kRelayReady, {});
  CO_TRY_VOID(co_await http::bridge(**socket, stream));
  co_return Result<>();
}

[[noreturn]] void be_relay(Destination destination, std::string target, Fd channel, Fd status, pid_t parent) {
  end_with(parent);
  become_helper(kRelayName, std::array{channel.ref(), status.ref()});
  asio::io_context io(1);
  const auto carried = run(io, carry(std::move(destination), std::move(target), std::move(channel), status.ref()));
  if (!carried) tell(status.ref(), kRelayFailed, carried.error().message());
  ::_exit(carried ? 0 : 1);
}

}  // namespace

Result<RelayEnds> make_relay_ends() {
  if (!sys::is_single_threaded())
    return Error(Code::kUnsupported, "the remote wall is for programs with one thread: it forks");
  RelayEnds ends{.channel = TRY(sys::stream_pair()), .status = TRY(sys::seqpacket_pair())};
  TRY(sys::set_nonblocking(ends.status.first.ref(), true));
  TRY(sys::set_nonblocking(ends.channel.first.ref(), true));
  return ends;
}

Task<Relay> await_relay(sys::Child process, RelayEnds ends, std::string host) {
  Relay relay{.process = std::move(process), .channel = std::move(ends.channel.first), .greeting = {}};
  ends.channel.second.reset();
  ends.status.second.reset();
  auto word = co_await with_timeout(kStartLimit, next_word(ends.status.first.ref()), "it");
  if (!word) co_return std::move(word).error().context("connect the channel to " + host);
  if (word->letter != kRelayReady)
    co_return Error(Code::kUnavailable, "connect the channel to " + host + ": " + printable(word->text, kWordMax));
  relay.greeting = std::move(word->text);
  co_return relay;
}

Task<Relay> start_relay(Destination destination, std::string target) {
  CO_TRY(auto ends, make_relay_ends());
  const std::string host = destination.host;
  const pid_t parent = ::getpid();
  CO_TRY(auto child, sys::clone(0, FdRef()));
  if (!child) {
    be_relay(std::move(destination), std::move(target), std::move(ends.channel.second), std::move(ends.status.second),
             parent);
  }
  co_return co_await await_relay(*std::move(child), std::move(ends), host);
}

}  // namespace brig::runtimes::remote
