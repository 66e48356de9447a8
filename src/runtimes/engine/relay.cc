#include "runtimes/engine/relay.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include "async/run.h"
#include "async/stream.h"
#include "async/timer.h"
#include "base/buffer.h"
#include "http/client.h"
#include "runtimes/engine/engine.h"
#include "runtimes/engine/frames.h"
#include "sys/confine.h"
#include "sys/file.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::engine {
namespace {

constexpr Milliseconds kAttachLimit{15'000};
constexpr std::size_t kWordMax = 1024;
constexpr std::size_t kPiece = std::size_t{64} << 10;

/// One message: empty when it is attached, or why it is not.
void tell(FdRef status, std::string_view word) {
  const std::string message = "." + std::string(word.substr(0, kWordMax - 1));
  (void)sys::send_message(status, std::as_bytes(std::span(message)));
}

/// What the container prints, as the channel's bytes.
Task<> carry_out(http::Stream& attached, StreamSocket& channel) {
  Buffer buffer(kPiece);
  Demultiplexer frames;
  std::string out;
  while (true) {
    CO_TRY(const std::size_t size, co_await attached.read_some(buffer.bytes()));
    if (size == 0) co_return Result<>();
    out.clear();
    CO_TRY_VOID(frames.feed(buffer.bytes().first(size), out));
    if (!out.empty()) CO_TRY_VOID(co_await channel.write_all(std::as_bytes(std::span(out))));
  }
}

Task<> carry_in(StreamSocket& channel, http::Stream& attached) {
  Buffer buffer(kPiece);
  while (true) {
    CO_TRY(const std::size_t size, co_await channel.read_some(buffer.bytes()));
    if (size == 0) co_return Result<>();
    const std::string_view bytes(reinterpret_cast<const char*>(buffer.bytes().data()), size);
    CO_TRY_VOID(co_await attached.write_all(bytes));
  }
}

Task<std::unique_ptr<http::Response>> attach(http::Client& client, std::string id) {
  http::Request request{
      .method = "POST",
      .target = std::string(kApi) + "/containers/" + id + "/attach?stream=1&stdin=1&stdout=1&stderr=1",
      .headers = {},
      .body = {},
      .source = {},
      .length = {}};
  request.headers.add("Connection", "Upgrade");
  request.headers.add("Upgrade", "tcp");
  CO_TRY(auto response, co_await client.send(std::move(request)));
  if (response->status() == 101) co_return response;
  CO_TRY(const std::string body, co_await response->read_body(kAnswerMax));
  co_return error_of(response->status(), body, "the engine");
}

Task<> carry(Place place, std::string id, Fd channel, FdRef status) {
  using namespace asio::experimental::awaitable_operators;
  const auto executor = co_await asio::this_coro::executor;
  http::Client client(executor, url_of(place));
  CO_TRY(const auto response, co_await with_timeout(kAttachLimit, attach(client, std::move(id)), "attaching"));
  CO_TRY_VOID(sys::confine_self({.writable = {}, .usable = {}, .readable = {}, .has_network = false}));
  CO_TRY(auto stream, StreamSocket::adopt(executor, std::move(channel)));
  tell(status, {});
  http::Stream& attached = response->take_over();
  const auto first = co_await (carry_out(attached, stream) || carry_in(stream, attached));
  co_return first.index() == 0 ? std::get<0>(first) : std::get<1>(first);
}

[[noreturn]] void be_relay(const Place& place, const std::string& id, Fd channel, const Fd& status, pid_t parent) {
  ::prctl(PR_SET_NAME, "brig-relay");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != parent) ::_exit(1);
  // Ctrl-C reaches every process of a terminal; we are ended by who made us.
  sys::reset_signals();
  for (const int signal : {SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) (void)::signal(signal, SIG_IGN);
  sys::close_all_but(std::array{channel.ref(), status.ref()});
  asio::io_context io(1);
  const auto carried = brig::run(io, carry(place, id, std::move(channel), status.ref()));
  if (!carried) tell(status.ref(), carried.error().message());
  ::_exit(carried ? 0 : 1);
}

/// Blocks until it says that it is attached.
Result<> await_word(FdRef status) {
  pollfd event{status.get(), POLLIN, 0};
  if (::poll(&event, 1, static_cast<int>(2 * kAttachLimit.count())) <= 0)
    return Error(Code::kDeadline, "attaching took too long");
  std::array<std::byte, kWordMax> buffer;
  const auto message = TRY(sys::receive_message(status, buffer));
  if (message.size == 0) return Error(Code::kUnavailable, "the process that was to carry the channel is gone");
  if (message.size == 1) return {};
  return Error(Code::kUnavailable, std::string(reinterpret_cast<const char*>(buffer.data()) + 1, message.size - 1));
}

}  // namespace

Result<sys::Child> start_relay(const Place& place, const std::string& id, Fd channel) {
  auto [status, their_status] = TRY(sys::seqpacket_pair());
  const pid_t parent = ::getpid();
  auto child = TRY(sys::clone(0, FdRef()));
  if (!child) be_relay(place, id, std::move(channel), their_status, parent);
  their_status.reset();
  TRY(await_word(status.ref()).context("attach to the container"));
  return *std::move(child);
}

}  // namespace brig::runtimes::engine
