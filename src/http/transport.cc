#include "http/transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/stream.h"

namespace brig::http {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
/// Writes that the kernel takes at once go on without waiting; after so many of them somebody else gets a turn.
constexpr std::uint8_t kMaxEagerWrites = 16;
/// Pieces below this size travel in one TLS record.
constexpr std::size_t kSmallRecord = std::size_t{16} << 10;

Error gone(std::string_view what) {
  return {Code::kUnavailable, std::string(what) + ": the other side has closed the connection"};
}

bool is_gone(int error) { return error == EPIPE || error == ECONNRESET || error == ENOTCONN || error == ETIMEDOUT; }

/// Drops `count` bytes from the front.
void advance(Parts& parts, std::size_t count) {
  for (std::string_view& part : parts) {
    const std::size_t taken = std::min(count, part.size());
    part.remove_prefix(taken);
    count -= taken;
  }
}

bool is_empty(const Parts& parts) { return parts[0].empty() && parts[1].empty() && parts[2].empty(); }

/// What the kernel takes now; -1 with errno.
ssize_t send_now(int fd, const Parts& parts) {
  std::array<iovec, 3> pieces{};
  std::size_t count = 0;
  for (const std::string_view part : parts) {
    // sendmsg does not write through this pointer; iovec serves both directions.
    if (!part.empty()) pieces[count++] = {.iov_base = const_cast<char*>(part.data()), .iov_len = part.size()};
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

struct Transport::Tls {
  Tls(Socket& socket, std::shared_ptr<TlsContext> kept)
      : context(std::move(kept)), stream(socket, context->context()) {}
  std::shared_ptr<TlsContext> context;
  asio::ssl::stream<Socket&> stream;
};

/// Whose turn it is to write. A write that does not reach its end has cut a message in two, so none may follow.
class Transport::WriteTurn {
 public:
  explicit WriteTurn(Transport& transport) : transport_(transport) {
    transport_.is_writing_ = true;
    transport_.has_write_expired_ = false;
  }
  WriteTurn(const WriteTurn&) = delete;
  WriteTurn& operator=(const WriteTurn&) = delete;
  ~WriteTurn() {
    transport_.is_writing_ = false;
    transport_.write_deadline_ = Clock::time_point::max();
    if (has_begun_ && !is_complete_) transport_.is_write_broken_ = true;
    if (transport_.write_turn_ != nullptr) transport_.write_turn_->notify();
  }
  void begin() { has_begun_ = true; }
  void complete() { is_complete_ = true; }

 private:
  Transport& transport_;
  bool has_begun_ = false;
  bool is_complete_ = false;
};

Transport::Transport(Socket socket, bool is_unix) : socket_(std::move(socket)), is_unix_(is_unix) {}
Transport::~Transport() = default;

Result<std::unique_ptr<Transport>> Transport::adopt(const asio::any_io_executor& executor, Fd fd,
                                                    const std::shared_ptr<TlsContext>& tls) {
  Socket socket = TRY(adopt_socket(executor, std::move(fd)));
  boost::system::error_code error;
  const auto here = socket.local_endpoint(error);
  if (error) return Error::system(error.value(), "adopt a socket");
  const bool is_unix = here.data()->sa_family == AF_UNIX;
  auto transport = std::unique_ptr<Transport>(new Transport(std::move(socket), is_unix));
  if (tls != nullptr) transport->tls_ = std::make_unique<Tls>(transport->socket_, tls);
  return transport;
}

Error Transport::error_of(const boost::system::error_code& error, std::string_view what, bool has_expired) const {
  if (has_expired) return {Code::kDeadline, std::string(what) + ": the other side took too long"};
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) {
    return {Code::kCancelled, "cancelled"};
  }
  if (error == asio::error::eof || error.category() == asio::ssl::error::get_stream_category()) return gone(what);
  if (error.category() == asio::error::get_ssl_category()) {
    return {Code::kUnavailable, std::string(what) + ": TLS: " + error.message()};
  }
  if (is_gone(error.value())) return gone(what);
  return Error::system(error.value(), what);
}

Task<> Transport::accept_tls() { return handshake(true); }

Task<> Transport::connect_tls(std::string host) {
  SSL* native = tls_->stream.native_handle();
  std::array<unsigned char, 16> address{};
  const bool is_address = ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
                          ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
  const bool is_set =
      is_address ? ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(native), host.c_str()) == 1
                 : ::SSL_set1_host(native, host.c_str()) == 1 && SSL_set_tlsext_host_name(native, host.c_str()) == 1;
  if (!is_set) co_return Error(Code::kInvalidArgument, "\"" + host + "\" is no name to verify a certificate against");
  CO_TRY_VOID(co_await handshake(false));
  co_return Result<>();
}

Task<> Transport::handshake(bool is_server) {
  has_read_expired_ = false;
  is_reading_ = true;
  const auto type = is_server ? asio::ssl::stream_base::server : asio::ssl::stream_base::client;
  const auto [error] = co_await tls_->stream.async_handshake(type, kTuple);
  is_reading_ = false;
  if (error) co_return error_of(error, "TLS handshake", has_read_expired_);
  co_return Result<>();
}

Task<std::size_t> Transport::read_some(std::span<std::byte> buffer) {
  if (is_reading_) co_return Error(Code::kInternal, "two tasks read from one connection");
  /// Also when the task is thrown out of the read by its cancellation.
  struct Reading {
    explicit Reading(bool& flag) : is_reading(flag) { is_reading = true; }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() { is_reading = false; }
    bool& is_reading;
  };
  const Reading reading(is_reading_);
  has_read_expired_ = false;
  boost::system::error_code error;
  std::size_t count = 0;
  const auto target = asio::buffer(buffer.data(), buffer.size());
  if (tls_ != nullptr) {
    std::tie(error, count) = co_await tls_->stream.async_read_some(target, kTuple);
    // Whoever closes without TLS's goodbye may have been cut off by somebody else; HTTP's own framing finds that out.
    if (error == asio::ssl::error::stream_truncated) error = asio::error::eof;
  } else {
    std::tie(error, count) = co_await socket_.async_read_some(target, kTuple);
  }
  if (error == asio::error::eof) co_return std::size_t{0};
  if (error) co_return error_of(error, "read", has_read_expired_);
  co_return count;
}

Task<> Transport::write_all(std::string_view bytes) { return write_parts({bytes, {}, {}}); }

Task<> Transport::write_parts(Parts parts) {
  while (is_writing_) {
    if (write_turn_ == nullptr) write_turn_ = std::make_unique<Notifier>(socket_.get_executor());
    CO_TRY_VOID(co_await write_turn_->wait());
  }
  if (is_write_broken_) co_return gone("write");
  WriteTurn turn(*this);
  Result<> written;
  if (tls_ != nullptr) {
    written = co_await write_tls(parts, turn);
  } else {
    written = co_await write_plain(parts, turn);
  }
  if (written.has_value()) turn.complete();
  co_return written;
}

void Transport::begin_write_step() {
  write_deadline_ = write_stall_.count() > 0 ? Clock::now() + write_stall_ : Clock::time_point::max();
}

Task<> Transport::write_plain(Parts parts, WriteTurn& turn) {
  while (!is_empty(parts)) {
    if (!socket_.is_open()) co_return Error(Code::kCancelled, "cancelled");
    const ssize_t count = send_now(socket_.native_handle(), parts);
    if (count >= 0) {
      turn.begin();
      advance(parts, static_cast<std::size_t>(count));
      if (++eager_writes_ >= kMaxEagerWrites) {
        eager_writes_ = 0;
        co_await asio::post(asio::use_awaitable);
      }
      continue;
    }
    if (errno == EINTR) continue;
    if (is_gone(errno)) co_return gone("write");
    if (errno != EAGAIN) co_return Error::last_system("write");
    eager_writes_ = 0;
    begin_write_step();
    const auto [error] = co_await socket_.async_wait(Socket::wait_write, kTuple);
    if (error) co_return error_of(error, "write", has_write_expired_);
  }
  co_return Result<>();
}

Task<> Transport::write_tls(Parts parts, WriteTurn& turn) {
  turn.begin();  // of a cancelled write nobody knows what has left
  std::string together;
  if (parts[0].size() + parts[1].size() + parts[2].size() <= kSmallRecord) {
    together.append(parts[0]).append(parts[1]).append(parts[2]);
    parts = {together, {}, {}};
  }
  while (!is_empty(parts)) {
    const std::string_view next = !parts[0].empty() ? parts[0] : !parts[1].empty() ? parts[1] : parts[2];
    begin_write_step();
    const auto [error, count] = co_await tls_->stream.async_write_some(asio::buffer(next.data(), next.size()), kTuple);
    if (error) co_return error_of(error, "write", has_write_expired_);
    advance(parts, count);
  }
  co_return Result<>();
}

Task<> Transport::shutdown_send() {
  if (tls_ != nullptr && !is_write_broken_ && !is_writing_ && !is_reading_) {
    // Says goodbye and waits for the other side's, but not for long: nothing depends on it.
    constexpr Milliseconds kGoodbye(200);
    const auto kept = read_deadline_;
    read_deadline_ = std::min(read_deadline_, Clock::now() + kGoodbye);
    is_reading_ = true;
    (void)co_await tls_->stream.async_shutdown(kTuple);
    is_reading_ = false;
    read_deadline_ = kept;
  }
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error && !is_gone(error.value())) co_return error_of(error, "shutdown", false);
  co_return Result<>();
}

void Transport::close() {
  boost::system::error_code ignored;  // closing again, or a peer that is gone
  socket_.close(ignored);
}

Task<> Transport::wait_hangup() {
  const auto [error] = co_await socket_.async_wait(Socket::wait_error, kTuple);
  if (error == asio::error::operation_aborted) co_return Error(Code::kCancelled, "cancelled");
  co_return Result<>();
}

void Transport::expire(Clock::time_point now) {
  const bool read_expires = is_reading_ && now >= read_deadline_;
  const bool write_expires = is_writing_ && now >= write_deadline_;
  if (!read_expires && !write_expires) return;
  has_read_expired_ |= read_expires;
  has_write_expired_ |= write_expires;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

bool Transport::has_input() {
  pollfd wanted{.fd = socket_.native_handle(), .events = POLLIN | POLLRDHUP, .revents = 0};
  return !socket_.is_open() || ::poll(&wanted, 1, 0) != 0;
}

}  // namespace brig::http
