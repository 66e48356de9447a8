#include "http/server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/timer.h"
#include "base/hex.h"
#include "http/server_state.h"
#include "http/socket_address.h"

namespace brig::http {
namespace {

/// Beyond the limit so many more are accepted, only to tell them so; what is beyond that is closed without a word.
constexpr std::size_t kRefusedAtOnce = 64;
/// How long a listener rests when the machine has no descriptors or memory for another connection.
constexpr Milliseconds kRest(50);
constexpr int kAcceptsInOneGo = 64;

Milliseconds sweep_interval(const Limits& limits) {
  const Milliseconds shortest = std::min({limits.header_time, limits.idle_time, limits.body_stall, limits.write_stall,
                                          limits.handshake_time, limits.linger});
  return std::clamp(shortest / 4, Milliseconds(2), Milliseconds(250));
}

std::string random_prefix() {
  std::array<unsigned char, 6> bytes{};
  // Six bytes are always given at once; were they not, ids would only be less unique.
  (void)!::getrandom(bytes.data(), bytes.size(), 0);
  return to_hex(std::as_bytes(std::span(bytes))) + "-";
}

/// What is usual for a connection that may be quiet for hours: answers leave at once, and a dead peer is noticed.
void set_tcp_options(int fd) {
  const int on = 1;
  const int idle = 60;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
}

Peer peer_of(int fd) {
  Peer peer;
  SocketAddress address;
  address.size = sizeof address.storage;
  if (::getpeername(fd, address.get(), &address.size) == 0 && address.family() != AF_UNIX) {
    peer.address = format(to_endpoint(address));
    set_tcp_options(fd);
    return peer;
  }
  peer.is_unix = true;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  const bool is_known = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0;
  peer.address = is_known ? "unix:uid=" + std::to_string(credentials.uid) : "unix";
  return peer;
}

bool is_shortage(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

}  // namespace

Server::State::State(asio::any_io_executor the_executor, ServerOptions the_options)
    : executor(std::move(the_executor)), options(std::move(the_options)), changed(executor),
      reserve(::open("/dev/null", O_RDONLY | O_CLOEXEC)),  // NOLINT: not open() of a path that matters
      sweep_every(sweep_interval(options.limits)), id_prefix(random_prefix()) {
  if (!options.error_mapper) {
    options.error_mapper = [](const Error& error, const Exchange& exchange) {
      return error_reply(error, exchange.request_id());
    };
  }
}

void Server::State::trouble(const Error& error) const {
  if (options.observer.on_trouble) options.observer.on_trouble(error);
}

std::string Server::State::next_request_id() { return id_prefix + std::to_string(++ids); }

const std::string& Server::State::date() {
  const std::int64_t now = std::time(nullptr);
  if (now != date_second) {
    date_second = now;
    date_text = http_date(now);
  }
  return date_text;
}

void Server::State::drop_one(int listener) {
  reserve.reset();
  const Fd client(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  (void)client;
}

Result<> Server::State::begin(const std::shared_ptr<State>& state, Fd socket, const std::shared_ptr<TlsContext>& tls) {
  Peer peer = peer_of(socket.get());
  peer.is_tls = tls != nullptr;
  auto transport = TRY(Transport::adopt(state->executor, std::move(socket), tls));
  ++state->figures.accepted;
  const std::size_t most = state->options.limits.connections;
  const bool is_refused = state->connections.size() >= most;
  if (is_refused) {
    ++state->figures.refused_connections;
    if (state->connections.size() >= most + kRefusedAtOnce) return {};
  }
  // Made here, so that it counts from now on and not from when its task begins.
  auto connection = std::make_unique<Connection>(state, std::move(transport), std::move(peer));
  state->tasks->spawn(run_connection(std::move(connection), is_refused));
  if (!state->is_sweeping) {
    state->is_sweeping = true;
    state->tasks->spawn(sweep(state));
  }
  return {};
}

Task<> Server::State::run_connection(std::unique_ptr<Connection> connection, bool is_refused) {
  if (is_refused) co_return co_await connection->run_refused();
  co_return co_await connection->run();
}

Task<> Server::State::accept_loop(std::shared_ptr<State> state, std::shared_ptr<Listener> listener) {
  while (!state->is_stopping) {
    const auto [waited] = co_await listener->socket.async_wait(asio::posix::stream_descriptor::wait_read,
                                                               asio::as_tuple(asio::use_awaitable));
    if (waited || state->is_stopping) break;
    const int fd = listener->socket.native_handle();
    for (int i = 0; i < kAcceptsInOneGo; ++i) {
      Fd client(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (client.is_open()) {
        auto begun = begin(state, std::move(client), listener->tls);
        if (!begun.has_value()) state->trouble(begun.error());
        continue;
      }
      const int error = errno;
      if (error == EAGAIN) break;
      if (!is_shortage(error)) continue;  // a client that has gone again (ECONNABORTED, or the network's own trouble)
      ++state->figures.accept_failures;
      state->drop_one(fd);
      state->reserve = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));  // NOLINT: as above
      state->trouble(Error::system(error, "accept a connection"));
      CO_TRY_VOID(co_await sleep(kRest));
      break;
    }
  }
  co_return Result<>();
}

Task<> Server::State::sweep(std::shared_ptr<State> state) {
  while (!state->connections.empty()) {
    CO_TRY_VOID(co_await sleep(state->sweep_every));
    const auto now = Clock::now();
    for (Connection* connection : state->connections) connection->expire(now);
  }
  state->is_sweeping = false;
  co_return Result<>();
}

Task<> Server::State::drained(std::shared_ptr<State> state) {
  while (!state->connections.empty()) CO_TRY_VOID(co_await state->changed.wait());
  co_return Result<>();
}

Server::Server(asio::any_io_executor executor, ServerOptions options)
    : state_(std::make_shared<State>(executor, std::move(options))) {
  state_->tasks = std::make_unique<TaskGroup>(std::move(executor));
}

Server::~Server() {
  state_->is_stopping = true;
  for (const auto& listener : state_->listeners) {
    boost::system::error_code ignored;
    listener->socket.close(ignored);
  }
  state_->tasks.reset();
}

Result<> Server::listen(Fd socket, std::shared_ptr<TlsContext> tls) {
  int is_listening = 0;
  socklen_t size = sizeof is_listening;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) != 0) {
    return Error::last_system("listen");
  }
  if (is_listening == 0) return Error(Code::kInvalidArgument, "the socket to accept from does not listen");
  // An inherited one may be blocking, and accept4 must never be.
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) return Error::last_system("listen");
  auto listener = std::make_shared<State::Listener>(state_->executor, std::move(socket), std::move(tls));
  state_->listeners.push_back(listener);
  state_->tasks->spawn(State::accept_loop(state_, listener));
  return {};
}

Result<> Server::serve(Fd socket) { return State::begin(state_, std::move(socket), nullptr); }

Task<> Server::stop(Milliseconds grace) {
  const auto state = state_;
  state->is_stopping = true;
  for (const auto& listener : state->listeners) {
    boost::system::error_code ignored;
    listener->socket.close(ignored);
  }
  for (Connection* connection : state->connections) connection->close_if_idle();
  auto ended = co_await with_timeout(grace, State::drained(state), "running requests");
  if (ended.has_value()) co_return Result<>();
  for (Connection* connection : state->connections) connection->close();
  if (state->tasks != nullptr) state->tasks->cancel();  // null: the server was destroyed meanwhile
  CO_TRY_VOID(co_await State::drained(state));
  co_return Result<>();
}

ServerFigures Server::figures() const {
  ServerFigures figures = state_->figures;
  figures.connections = state_->connections.size();
  return figures;
}

}  // namespace brig::http
