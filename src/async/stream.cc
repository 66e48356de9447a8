#include "async/stream.h"

#include <sys/socket.h>

#include <cerrno>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace brig {
namespace {

Error error_of_stream(const boost::system::error_code& error, std::string_view what) {
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) {
    return {Code::kCancelled, "cancelled"};
  }
  if (error == asio::error::broken_pipe || error == asio::error::connection_reset || error == asio::error::eof) {
    return {Code::kUnavailable, std::string(what) + ": the other side has closed the connection"};
  }
  return Error::system(error.value(), what);
}

}  // namespace

Result<asio::generic::stream_protocol::socket> adopt_socket(const asio::any_io_executor& executor, Fd fd) {
  int type = 0;
  int domain = 0;
  socklen_t length = sizeof type;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &length) != 0) return Error::last_system("adopt a socket");
  length = sizeof domain;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0) return Error::last_system("adopt a socket");
  if (type != SOCK_STREAM) return Error::system(EPROTOTYPE, "adopt a socket");
  asio::generic::stream_protocol::socket socket(executor);
  boost::system::error_code error;
  socket.assign(asio::generic::stream_protocol(domain, 0), fd.get(), error);
  if (error) return Error::system(error.value(), "adopt a socket");
  (void)fd.release();  // the socket owns it now
  socket.non_blocking(true, error);
  if (error) return Error::system(error.value(), "adopt a socket");
  return socket;
}

Result<StreamSocket> StreamSocket::adopt(const asio::any_io_executor& executor, Fd fd) {
  return StreamSocket(TRY(adopt_socket(executor, std::move(fd))));
}

Task<std::size_t> StreamSocket::read_some(std::span<std::byte> buffer) {
  const auto [error, count] =
      co_await socket_.async_read_some(asio::buffer(buffer.data(), buffer.size()), asio::as_tuple(asio::use_awaitable));
  if (error == asio::error::eof) co_return std::size_t{0};
  if (error) co_return error_of_stream(error, "read");
  co_return count;
}

Task<> StreamSocket::write_all(std::span<const std::byte> bytes) {
  const auto [error, count] = co_await asio::async_write(socket_, asio::buffer(bytes.data(), bytes.size()),
                                                         asio::as_tuple(asio::use_awaitable));
  if (error) co_return error_of_stream(error, "write");
  co_return Result<>();
}

void StreamSocket::close() {
  boost::system::error_code ignored;  // closing again, or a peer that is gone
  socket_.close(ignored);
}

namespace {

/// Gives a borrowed descriptor back to its owner whatever happens to the task.
class Borrowed {
 public:
  explicit Borrowed(const asio::any_io_executor& executor) : descriptor_(executor) {}
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() {
    if (descriptor_.is_open()) (void)descriptor_.release();
  }
  asio::posix::stream_descriptor& operator*() { return descriptor_; }

 private:
  asio::posix::stream_descriptor descriptor_;
};

}  // namespace

Task<> wait_readable(FdRef fd) {
  const auto executor = co_await asio::this_coro::executor;
  Borrowed borrowed(executor);
  boost::system::error_code assigned;
  (*borrowed).assign(fd.get(), assigned);
  if (assigned) co_return Error::system(assigned.value(), "wait for a descriptor");
  const auto [error] =
      co_await (*borrowed).async_wait(asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
  if (error) co_return error_of_stream(error, "wait for a descriptor");
  co_return Result<>();
}

}  // namespace brig
