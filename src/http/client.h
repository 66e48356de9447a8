#pragma once
/// Client: HTTP/1.1 requests to one server, over TCP, TLS, a Unix socket or any Stream.
///
/// One request at a time on a connection that is kept and used again. An answer that was not read to its end closes it.
/// Errors are ours (no connection, broken answer, kDeadline); a status of 400 and more is an answer.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "async/task.h"
#include "base/units.h"
#include "http/events.h"
#include "http/headers.h"
#include "http/listen.h"
#include "http/stream.h"
#include "http/tls.h"
#include "http/websocket.h"

namespace brig::http {

/// "http://host:port/prefix", "https://…", "unix:PATH".
struct ServerUrl {
  Endpoint endpoint;
  bool is_tls = false;
  std::string authority;  ///< the Host field
  std::string prefix;     ///< "" or "/something", before every target
};
Result<ServerUrl> parse_server_url(std::string_view text);

/// Fills the buffer; 0 = the end.
using BodySource = std::function<Task<std::size_t>(std::span<std::byte>)>;

struct Request {
  std::string method = "GET";
  std::string target = "/";
  Headers headers;
  std::string body;
  BodySource source;                    ///< instead of `body`: streamed
  std::optional<std::uint64_t> length;  ///< of the source; without it the body is chunked
};

struct ClientOptions {
  Milliseconds connect_time{10'000};
  Milliseconds answer_time{0};  ///< to the head of the answer; 0 = no limit
  Milliseconds stall_time{0};   ///< without a byte of the answer's body; 0 = no limit
  std::size_t header_bytes = std::size_t{64} << 10;
  std::shared_ptr<TlsContext> tls;  ///< for https; default: TlsContext::client()
  std::vector<Endpoint> at;  ///< tried in turn instead of the URL's host, whose name the certificate must still have
};

class Client;
struct ClientConnection;

/// An answer whose head has come. Goes before the Client.
class Response {
 public:
  Response(std::unique_ptr<ClientConnection> connection, Client* client);
  Response(const Response&) = delete;
  Response& operator=(const Response&) = delete;
  ~Response();

  [[nodiscard]] int status() const;
  [[nodiscard]] const Headers& headers() const;
  /// The next bytes of the body, 0 at its end. kUnavailable if the connection ends before.
  Task<std::size_t> read_some(std::span<std::byte> buffer);
  /// All of it; kExhausted beyond `limit`.
  Task<std::string> read_body(std::size_t limit = std::size_t{16} << 20);
  /// The next server-sent event; nothing at the end.
  Task<std::optional<Event>> read_event();
  /// After a 101: the connection's bytes from after the head on.
  Stream& take_over();

  // ---- of what Client::begin() gave, each once and both at the same time
  /// Sends the body of `request`.
  Task<> upload(Request& request);
  /// Waits for the head of the answer to `method`; nothing else may be asked before.
  Task<> answered(std::string method);

 private:
  std::unique_ptr<ClientConnection> connection_;
  Client* client_;
  std::unique_ptr<EventParser> events_;
};

/// A WebSocket and the connection under it.
class ClientWebSocket {
 public:
  explicit ClientWebSocket(std::unique_ptr<Response> response);
  [[nodiscard]] WebSocket& operator*() { return socket_; }
  [[nodiscard]] WebSocket* operator->() { return &socket_; }

 private:
  std::unique_ptr<Response> response_;
  WebSocket socket_;
};

class Client {
 public:
  Client(asio::any_io_executor executor, ServerUrl url, ClientOptions options = {});
  /// Over a connected stream, which is used for one request after the other and never opened again.
  Client(asio::any_io_executor executor, std::unique_ptr<Stream> stream, std::string authority,
         ClientOptions options = {});
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// Sends the request and waits for the head of the answer (101 too; other 1xx are skipped).
  Task<std::unique_ptr<Response>> send(Request request);
  /// Sends the head alone, for a body that goes on while its answer comes (a proxy): see Response::upload(). The
  /// connection is used for nothing after it.
  Task<std::unique_ptr<Response>> begin(const Request& request);
  /// kUnavailable (with status and sentence of the answer) if the server does not agree.
  Task<std::unique_ptr<ClientWebSocket>> websocket(std::string target, Headers headers = {});

 private:
  friend class Response;
  void keep(std::unique_ptr<ClientConnection> connection);
  Task<Fd> dial();
  Task<std::unique_ptr<ClientConnection>> connect();
  [[nodiscard]] Result<std::string> format_head(const Request& request) const;
  Task<> exchange(ClientConnection& connection, std::string head, Request& request);

  asio::any_io_executor executor_;
  ServerUrl url_;
  ClientOptions options_;
  std::unique_ptr<ClientConnection> kept_;
};

}  // namespace brig::http
