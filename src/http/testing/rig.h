#pragma once
/// Rig: a server with one handler, and clients that speak to it in raw bytes over socket pairs.
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/timer.h"
#include "http/server.h"
#include "http/transport.h"
#include "sys/seqpacket.h"

namespace brig::http::testing {

/// A test that hangs is a test that fails; far beyond everything that is waited for.
inline constexpr Milliseconds kPatience(20'000);

/// One end of a socket pair, in raw bytes.
class RawClient {
 public:
  RawClient(asio::io_context& io, Fd fd) : io_(io), stream_(*Transport::adopt(io.get_executor(), std::move(fd))) {}

  Stream& stream() { return *stream_; }
  Result<> send(std::string_view bytes) { return run(io_, with_timeout(kPatience, stream_->write_all(bytes), "send")); }
  Result<> end() { return run(io_, stream_->shutdown_send()); }
  void close() { stream_->close(); }
  /// Everything up to the end of the stream, or to a reset.
  std::string read_to_end() { return *run(io_, with_timeout(kPatience, collect(*stream_, "", ""), "read")); }
  /// Everything up to and with `mark` (and what came along), or to the end.
  std::string read_until(std::string mark) {
    return *run(io_, with_timeout(kPatience, collect(*stream_, std::move(mark), ""), "read"));
  }

  static Task<std::string> collect(Stream& stream, std::string mark, std::string text) {
    std::array<std::byte, 65536> buffer;
    while (mark.empty() || !text.contains(mark)) {
      auto count = co_await stream.read_some(buffer);
      if (!count.has_value() || *count == 0) break;
      text.append(reinterpret_cast<const char*>(buffer.data()), *count);
    }
    co_return text;
  }

 private:
  asio::io_context& io_;
  std::unique_ptr<Transport> stream_;
};

struct Seen {
  std::string method;
  std::string path;
  std::string route;
  int status;
  std::uint64_t bytes_in;
  std::uint64_t bytes_out;
};

class Rig {
 public:
  explicit Rig(Handler handler, Limits limits = {}, ErrorMapper mapper = {}) {
    ServerOptions options{.limits = limits, .handler = std::move(handler)};
    if (mapper) options.error_mapper = std::move(mapper);
    options.observer.on_request = [this](const Record& record) {
      const Exchange& exchange = record.exchange;
      seen.push_back({.method = exchange.method(),
                      .path = exchange.target().path,
                      .route = std::string(exchange.route()),
                      .status = record.status,
                      .bytes_in = record.bytes_in,
                      .bytes_out = record.bytes_out});
    };
    options.observer.on_failure = [this](const Error& error, const Exchange&) { failures.push_back(error.message()); };
    options.observer.on_trouble = [this](const Error& error) { troubles.push_back(error.message()); };
    server = std::make_unique<Server>(io.get_executor(), std::move(options));
  }
  ~Rig() {
    server.reset();
    io.restart();
    io.poll();  // lets what was cut unwind while everything is still there
  }

  Fd connect_fd() {
    auto pair = *sys::stream_pair();
    auto served = server->serve(std::move(pair.second));
    if (!served.has_value()) std::abort();
    return std::move(pair.first);
  }
  RawClient connect() { return {io, connect_fd()}; }
  /// Sends `bytes` on a new connection, ends that direction, and returns all that comes back.
  std::string talk(std::string_view bytes) {
    RawClient client = connect();
    (void)client.send(bytes);
    (void)client.end();
    return client.read_to_end();
  }
  /// The same without ending: the server must close by itself.
  std::string talk_open(std::string_view bytes) {
    RawClient client = connect();
    (void)client.send(bytes);
    return client.read_to_end();
  }

  asio::io_context io;
  std::vector<Seen> seen;
  std::vector<std::string> failures;
  std::vector<std::string> troubles;
  std::unique_ptr<Server> server;
};

/// "HTTP/1.1 404 Not Found…" → 404; 0 if it is no answer.
inline int status_of(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::atoi(std::string(answer.substr(9, 3)).c_str()) : 0;
}
/// What follows the first head.
inline std::string body_of(std::string_view answer) {
  const auto end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : std::string(answer.substr(end + 4));
}
inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace brig::http::testing
