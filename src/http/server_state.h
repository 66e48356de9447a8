#pragma once
/// Server::State: what connections share. Part of the room; nothing else uses it.
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "async/notifier.h"
#include "async/task_group.h"
#include "base/fd.h"
#include "http/connection.h"
#include "http/server.h"

namespace brig::http {

struct Server::State {
  struct Listener {
    Listener(const asio::any_io_executor& executor, Fd fd, std::shared_ptr<TlsContext> context)
        : socket(executor, fd.release()), tls(std::move(context)) {}
    asio::posix::stream_descriptor socket;
    std::shared_ptr<TlsContext> tls;
  };

  State(asio::any_io_executor the_executor, ServerOptions the_options);

  static Task<> accept_loop(std::shared_ptr<State> state, std::shared_ptr<Listener> listener);
  static Task<> sweep(std::shared_ptr<State> state);
  static Task<> run_connection(std::unique_ptr<Connection> connection, bool is_refused);
  static Task<> drained(std::shared_ptr<State> state);

  /// Starts serving an accepted socket.
  static Result<> begin(const std::shared_ptr<State>& state, Fd socket, const std::shared_ptr<TlsContext>& tls);
  /// No descriptor is left: takes one client off the queue and drops it, so that it need not wait for nothing.
  void drop_one(int listener);
  void trouble(const Error& error) const;
  std::string next_request_id();
  /// The value of a Date field now.
  const std::string& date();

  asio::any_io_executor executor;
  ServerOptions options;
  ServerFigures figures;
  std::list<Connection*> connections;
  /// What one that Exchange::count_for() names takes of this server; "" is nobody's.
  struct Share {
    std::size_t connections = 0;
    std::size_t held = 0;  ///< bytes
  };
  std::map<std::string, Share, std::less<>> shares;  ///< of each that has some
  std::vector<std::shared_ptr<Listener>> listeners;
  Notifier changed;
  Fd reserve;  ///< given up when there are no descriptors
  Milliseconds sweep_every{0};
  bool is_sweeping = false;
  bool is_stopping = false;
  std::string id_prefix;
  std::uint64_t ids = 0;
  std::int64_t date_second = 0;
  std::string date_text;
  std::unique_ptr<TaskGroup> tasks;  ///< reset by ~Server: the tasks hold this state
};

}  // namespace brig::http
