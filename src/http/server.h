#pragma once
/// Server: HTTP/1.1 on any number of listening sockets, one coroutine a connection.
///
/// It knows bytes, limits and handlers, and nothing of what they are about. Requests of one connection are handled one
/// after the other. One io_context, one thread. Call stop() before destroying it: the destructor cuts everything.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "async/task.h"
#include "base/fd.h"
#include "http/exchange.h"
#include "http/limits.h"
#include "http/tls.h"

namespace brig::http {

/// What became of one request, for logs and metrics.
struct Record {
  const Exchange& exchange;  ///< of the call only
  int status = 0;            ///< 0 = cut before an answer began
  std::chrono::microseconds duration{0};
  std::uint64_t bytes_in = 0;   ///< of the body
  std::uint64_t bytes_out = 0;  ///< of the answer's body
};

/// What the server tells. Called in the loop: must not block. All may be empty.
struct Observer {
  std::function<void(const Record&)> on_request;
  /// A handler ended with an Error that is a 5xx and was told as one, threw, or answered nothing. Not one that cut an
  /// answer which had begun on purpose (kCancelled), and not a client that was gone.
  std::function<void(const Error&, const Exchange&)> on_failure;
  /// Trouble of the server itself: no descriptors left, a listener that fails.
  std::function<void(const Error&)> on_trouble;
};

struct ServerOptions {
  Limits limits;
  Handler handler;
  ErrorMapper error_mapper;  ///< default: error_reply()
  Observer observer;
};

/// Counted since the start, but `connections` and `requests_running`, which are now.
struct ServerFigures {
  std::size_t connections = 0;
  std::size_t requests_running = 0;
  std::uint64_t accepted = 0;
  std::uint64_t requests = 0;
  std::uint64_t refused_connections = 0;  ///< beyond Limits::connections
  std::uint64_t accept_failures = 0;      ///< no descriptors or memory left
};

class Server {
 public:
  Server(asio::any_io_executor executor, ServerOptions options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Serves on a bound, listening socket (listen.h, or inherited); with `tls` only TLS is spoken there.
  Result<> listen(Fd socket, std::shared_ptr<TlsContext> tls = nullptr);
  /// Serves one connected socket.
  Result<> serve(Fd socket);

  /// Stops accepting, closes idle connections, lets running requests end within `grace`, then cuts them. Returns when
  /// no handler runs any more.
  Task<> stop(Milliseconds grace);

  [[nodiscard]] ServerFigures figures() const;

 private:
  friend class Connection;
  struct State;
  std::shared_ptr<State> state_;  ///< shared with the tasks of its connections, which unwind after it is gone
};

}  // namespace brig::http
