#pragma once
/// Transport: a connected socket, plain or under TLS, with deadlines. Part of the room; nothing else uses it.
///
/// Deadlines are times that somebody compares with the clock (expire()), not timers: one sweep for all connections
/// costs nothing per read or write.
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "async/notifier.h"
#include "base/fd.h"
#include "base/units.h"
#include "http/stream.h"
#include "http/tls.h"

namespace brig::http {

using Clock = std::chrono::steady_clock;
/// Pieces that are written one after the other, as one write.
using Parts = std::array<std::string_view, 3>;

class Transport final : public Stream {
 public:
  /// Takes a connected stream socket over; with `tls` nothing but a handshake may come first.
  static Result<std::unique_ptr<Transport>> adopt(const asio::any_io_executor& executor, Fd fd,
                                                  const std::shared_ptr<TlsContext>& tls = nullptr);
  ~Transport() override;

  Task<> accept_tls();
  /// Verifies that the certificate is one for `host`.
  Task<> connect_tls(std::string host);

  Task<std::size_t> read_some(std::span<std::byte> buffer) override;
  Task<> write_all(std::string_view bytes) override;
  Task<> write_parts(Parts parts);
  Task<> shutdown_send() override;
  void close() override;
  /// Suspends until the connection is closed in both directions or broken. A Unix socket learns it, TCP only if it was
  /// reset.
  Task<> wait_hangup();

  /// A read that waits at this time ends with kDeadline.
  void set_read_deadline(Clock::time_point deadline) { read_deadline_ = deadline; }
  void clear_read_deadline() { read_deadline_ = Clock::time_point::max(); }
  /// A write of which nothing is taken for so long ends with kDeadline. 0 = never.
  void set_write_stall(Milliseconds stall) { write_stall_ = stall; }
  /// Ends what has waited beyond its deadline.
  void expire(Clock::time_point now);

  [[nodiscard]] bool is_unix() const { return is_unix_; }
  [[nodiscard]] bool is_tls() const { return tls_ != nullptr; }
  [[nodiscard]] FdRef descriptor() { return FdRef(socket_.native_handle()); }
  /// True if the other side has closed, or has sent something, while nobody read.
  [[nodiscard]] bool has_input();

 private:
  using Socket = asio::generic::stream_protocol::socket;
  struct Tls;
  class WriteTurn;

  Transport(Socket socket, bool is_unix);
  Task<> write_plain(Parts parts, WriteTurn& turn);
  Task<> write_tls(Parts parts, WriteTurn& turn);
  Task<> handshake(bool is_server);
  [[nodiscard]] Error error_of(const boost::system::error_code& error, std::string_view what, bool has_expired) const;
  void begin_write_step();

  Socket socket_;
  std::unique_ptr<Tls> tls_;
  bool is_unix_;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_write_broken_ = false;
  bool has_read_expired_ = false;
  bool has_write_expired_ = false;
  std::uint8_t eager_writes_ = 0;
  Milliseconds write_stall_{0};
  Clock::time_point read_deadline_ = Clock::time_point::max();
  Clock::time_point write_deadline_ = Clock::time_point::max();
  std::unique_ptr<Notifier> write_turn_;  ///< made when a second writer comes
};

}  // namespace brig::http
