#pragma once
/// StreamSocket: a connected stream socket (Unix, vsock, TCP) in tasks; and waiting for a descriptor.
#include <cstddef>
#include <span>

#include <boost/asio/generic/stream_protocol.hpp>

#include "async/task.h"
#include "base/fd.h"

namespace brig {

/// Takes `fd` over and makes it non-blocking. kSystem if it is no stream socket.
Result<asio::generic::stream_protocol::socket> adopt_socket(const asio::any_io_executor& executor, Fd fd);

class StreamSocket {
 public:
  /// As adopt_socket().
  static Result<StreamSocket> adopt(const asio::any_io_executor& executor, Fd fd);

  /// At least one byte into `buffer`, or 0 at the end of the stream. kUnavailable if the other side is gone,
  /// kCancelled.
  Task<std::size_t> read_some(std::span<std::byte> buffer);
  /// All of `bytes`. Never raises SIGPIPE. kUnavailable if the other side is gone, kCancelled.
  Task<> write_all(std::span<const std::byte> bytes);
  /// Closes now; what waits ends with kCancelled.
  void close();

 private:
  explicit StreamSocket(asio::generic::stream_protocol::socket socket) : socket_(std::move(socket)) {}
  asio::generic::stream_protocol::socket socket_;
};

/// Suspends until `fd` (a pidfd, a pipe, an eventfd …) is readable. The descriptor must stay open meanwhile and may be
/// waited for by one task at a time. kCancelled.
Task<> wait_readable(FdRef fd);

}  // namespace brig
