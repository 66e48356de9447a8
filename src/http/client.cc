#include "http/client.h"

#include <algorithm>
#include <utility>

#include "async/timer.h"
#include "base/buffer.h"
#include "base/text.h"
#include "http/body_reader.h"
#include "http/connect.h"
#include "http/head.h"
#include "http/target.h"
#include "http/transport.h"
#include "http/websocket_handshake.h"

namespace brig::http {
namespace {

constexpr std::size_t kRoom = std::size_t{8} << 10;
constexpr std::size_t kUploadBuffer = std::size_t{64} << 10;

template <class T>
Task<T> within(Milliseconds limit, Task<T> task, std::string what) {
  if (limit.count() == 0) return task;
  return with_timeout(limit, std::move(task), std::move(what));
}

bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS";
}

}  // namespace

/// A connection and the answer that it is at.
struct ClientConnection {
  explicit ClientConnection(std::unique_ptr<Stream> the_stream) : stream(std::move(the_stream)) {}

  /// What an upgraded connection carries: first what came behind the head.
  class Raw final : public Stream {
   public:
    explicit Raw(ClientConnection& connection) : connection_(connection) {}
    Task<std::size_t> read_some(std::span<std::byte> buffer) override {
      if (!connection_.inbox.is_empty()) co_return connection_.inbox.take(buffer);
      co_return co_await connection_.stream->read_some(buffer);
    }
    Task<> write_all(std::string_view bytes) override { return connection_.stream->write_all(bytes); }
    Task<> shutdown_send() override { return connection_.stream->shutdown_send(); }
    void close() override { connection_.stream->close(); }

   private:
    ClientConnection& connection_;
  };

  Task<> write_request(std::string request_head, Request& request, std::size_t header_bytes);
  Task<> write_source(Request& request, std::size_t header_bytes);
  Task<bool> read_one_head(std::string method, std::size_t limit);
  Task<> read_head(std::string method, std::size_t limit);
  Task<std::size_t> read_body(std::span<std::byte> buffer) {
    return body.read_some({.inbox = inbox, .stream = *stream, .has_ended = has_ended}, buffer);
  }
  /// The other side closed it, or says what nobody asked for.
  [[nodiscard]] bool is_stale() const { return !inbox.is_empty() || (transport != nullptr && transport->has_input()); }

  std::unique_ptr<Stream> stream;
  Transport* transport = nullptr;  ///< `stream`, if it is one of ours
  Inbox inbox;
  bool has_ended = false;
  bool has_heard = false;    ///< a byte of an answer to the current request
  bool is_answered = false;  ///< `head` is the answer's
  bool is_whole = true;      ///< the request has been sent to its end
  bool is_used = false;      ///< for an earlier request
  bool is_duplex = false;    ///< somebody else reads while the body is written
  Raw raw{*this};
  AnswerHead head;
  BodyReader body;
};

Result<ServerUrl> parse_server_url(std::string_view text) {
  ServerUrl url;
  if (text.starts_with("unix:")) {
    std::string_view path = text.substr(5);
    if (path.starts_with("//")) path.remove_prefix(2);
    url.endpoint = TRY(parse_endpoint("unix:" + std::string(path)));
    url.authority = "localhost";
    return url;
  }
  std::string_view rest = text;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    url.is_tls = true;
  } else {
    return Error(Code::kInvalidArgument,
                 "\"" + printable(text) + "\" is none of http://HOST:PORT, https://HOST:PORT and unix:PATH");
  }
  const auto slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) url.prefix = rest.substr(slash);
  while (url.prefix.ends_with('/')) url.prefix.pop_back();
  if (authority.empty() || authority.contains('@')) {
    return Error(Code::kInvalidArgument, "\"" + printable(text) + "\" names no usable host");
  }
  const bool has_port = authority.rfind(':') != std::string_view::npos && !authority.ends_with(']');
  url.endpoint = TRY(parse_endpoint(std::string(authority) + (has_port ? "" : url.is_tls ? ":443" : ":80")));
  if (!url.prefix.empty()) TRY(parse_target(url.prefix));
  url.authority = authority;
  return url;
}

Task<> ClientConnection::write_request(std::string request_head, Request& request, std::size_t header_bytes) {
  is_whole = false;
  const std::string_view content = request.source ? std::string_view() : std::string_view(request.body);
  if (transport != nullptr) {
    CO_TRY_VOID(co_await transport->write_parts({request_head, content, {}}));
  } else {
    CO_TRY_VOID(co_await stream->write_all(request_head));
    if (!content.empty()) CO_TRY_VOID(co_await stream->write_all(content));
  }
  if (request.source) CO_TRY_VOID(co_await write_source(request, header_bytes));
  is_whole = !is_answered || head.status < 400;
  co_return Result<>();
}

/// Ends early when the server has already refused: what is left would be sent for nothing. An answer below 400 may well
/// begin while the server still reads.
Task<> ClientConnection::write_source(Request& request, std::size_t header_bytes) {
  Buffer buffer(kUploadBuffer);
  std::uint64_t total = 0;
  while (true) {
    if (!is_duplex && !is_answered && transport != nullptr && transport->has_input()) {
      CO_TRY(const bool is_final, co_await read_one_head(request.method, header_bytes));
      if (is_final && head.status >= 400) co_return Result<>();
    }
    CO_TRY(const std::size_t count, co_await request.source(buffer.bytes()));
    if (count == 0) break;
    total += count;
    if (request.length && total > *request.length) co_return Error(Code::kInternal, "more body than was announced");
    const std::string_view bytes(reinterpret_cast<const char*>(buffer.bytes().data()), count);
    std::string size;
    if (!request.length) size = chunk_head(count);
    const std::string_view end = request.length ? "" : "\r\n";
    if (transport != nullptr) {
      CO_TRY_VOID(co_await transport->write_parts({size, bytes, end}));
    } else {
      size.append(bytes).append(end);
      CO_TRY_VOID(co_await stream->write_all(size));
    }
  }
  if (request.length && total < *request.length) co_return Error(Code::kInternal, "less body than was announced");
  if (!request.length) CO_TRY_VOID(co_await stream->write_all("0\r\n\r\n"));
  co_return Result<>();
}

/// One head; true if it is the answer's and not one of those that only go before it.
Task<bool> ClientConnection::read_one_head(std::string method, std::size_t limit) {
  HeadScanner scanner;
  std::optional<std::size_t> end;
  while (true) {
    auto scanned = scanner.scan(inbox.view(), limit);
    if (!scanned.has_value()) co_return Error(Code::kUnavailable, "a broken answer: " + scanned.error().sentence);
    end = *scanned;
    if (end) break;
    CO_TRY(const std::size_t count, co_await stream->read_some(inbox.room(kRoom)));
    if (count == 0) co_return Error(Code::kUnavailable, "the server closed the connection without an answer");
    has_heard = true;
    inbox.commit(count);
  }
  auto parsed = parse_answer_head(inbox.view().substr(0, *end), method);
  if (!parsed.has_value()) co_return Error(Code::kUnavailable, "a broken answer: " + parsed.error().sentence);
  inbox.consume(*end);
  is_answered = parsed->status >= 200 || parsed->status == 101;
  head = *std::move(parsed);
  if (is_answered) body = BodyReader(head.framing, head.length);
  co_return is_answered;
}

Task<> ClientConnection::read_head(std::string method, std::size_t limit) {
  while (!is_answered) CO_TRY_VOID(co_await read_one_head(method, limit));
  co_return Result<>();
}

Client::Client(asio::any_io_executor executor, ServerUrl url, ClientOptions options)
    : executor_(std::move(executor)), url_(std::move(url)), options_(std::move(options)) {}

Client::Client(asio::any_io_executor executor, std::unique_ptr<Stream> stream, std::string authority,
               ClientOptions options)
    : executor_(std::move(executor)), options_(std::move(options)),
      kept_(std::make_unique<ClientConnection>(std::move(stream))) {
  url_.authority = std::move(authority);
}

Client::~Client() = default;

void Client::keep(std::unique_ptr<ClientConnection> connection) {
  connection->is_used = true;
  kept_ = std::move(connection);
}

Task<Fd> Client::dial() {
  if (options_.at.empty()) co_return co_await connect_to(url_.endpoint);
  Result<Fd> last = Error(Code::kUnavailable, "nowhere to connect to");
  for (const Endpoint& endpoint : options_.at) {
    last = co_await connect_to(endpoint);
    if (last.has_value() || last.error().code() == Code::kCancelled) break;
  }
  co_return last;
}

Task<std::unique_ptr<ClientConnection>> Client::connect() {
  if (url_.endpoint == Endpoint()) co_return Error(Code::kUnavailable, "the only connection has been used up");
  if (url_.is_tls && options_.tls == nullptr) {
    CO_TRY(options_.tls, TlsContext::client());
  }
  CO_TRY(Fd fd, co_await dial());
  CO_TRY(auto transport, Transport::adopt(executor_, std::move(fd), url_.is_tls ? options_.tls : nullptr));
  if (url_.is_tls) CO_TRY_VOID(co_await transport->connect_tls(url_.endpoint.host));
  Transport* const raw = transport.get();
  auto connection = std::make_unique<ClientConnection>(std::move(transport));
  connection->transport = raw;
  co_return connection;
}

Result<std::string> Client::format_head(const Request& request) const {
  std::string head = request.method + " " + url_.prefix + request.target + " HTTP/1.1\r\n";
  if (!is_token(request.method) || !parse_target(request.target).has_value()) {
    return Error(Code::kInvalidArgument, "no request: " + printable(request.method + " " + request.target));
  }
  if (request.headers.find("Host") == nullptr) head.append("Host: ").append(url_.authority).append("\r\n");
  if (!append_headers(head, request.headers)) {
    return Error(Code::kInvalidArgument, "the request has a header that may not be sent");
  }
  const bool may_have_body = request.method != "GET" && request.method != "HEAD" && request.method != "DELETE";
  if (request.source && !request.length) {
    head.append("Transfer-Encoding: chunked\r\n");
  } else if (request.source || may_have_body || !request.body.empty()) {
    const std::uint64_t length = request.source ? *request.length : request.body.size();
    head.append("Content-Length: ").append(std::to_string(length)).append("\r\n");
  }
  // append_headers() leaves the framing to us; an upgrade is the one thing that a caller may ask of the connection.
  if (request.headers.has_token("Connection", "upgrade")) head.append("Connection: Upgrade\r\n");
  return head + "\r\n";
}

Task<> Client::exchange(ClientConnection& connection, std::string head, Request& request) {
  connection.has_heard = false;
  connection.is_answered = false;
  auto written = co_await connection.write_request(std::move(head), request, options_.header_bytes);
  // A server may answer before it has read everything (413, 401) and close; that answer is worth more than our error.
  if (!written.has_value() && written.error().code() != Code::kUnavailable) co_return written;
  auto answered =
      co_await within(options_.answer_time, connection.read_head(request.method, options_.header_bytes), "the answer");
  co_return answered;
}

Task<std::unique_ptr<Response>> Client::send(Request request) {
  CO_TRY(const std::string head, format_head(request));
  while (true) {
    auto connection = std::exchange(kept_, nullptr);
    if (connection != nullptr && connection->is_stale()) connection.reset();
    if (connection == nullptr) {
      CO_TRY(connection, co_await within(options_.connect_time, connect(), "connecting to " + url_.authority));
    }
    auto answered = co_await exchange(*connection, head, request);
    if (answered.has_value()) co_return std::make_unique<Response>(std::move(connection), this);
    // A kept connection may have been closed by the server just as we used it.
    const bool may_repeat = connection->is_used && !connection->has_heard && !request.source &&
                            is_idempotent(request.method) && answered.error().code() == Code::kUnavailable;
    if (!may_repeat) co_return std::move(answered).error();
  }
}

Task<std::unique_ptr<Response>> Client::begin(const Request& request) {
  CO_TRY(const std::string head, format_head(request));
  auto connection = std::exchange(kept_, nullptr);
  if (connection == nullptr) {
    CO_TRY(connection, co_await within(options_.connect_time, connect(), "connecting to " + url_.authority));
  }
  connection->is_duplex = true;
  connection->is_whole = false;  // and so it is not kept
  CO_TRY_VOID(co_await connection->stream->write_all(head));
  co_return std::make_unique<Response>(std::move(connection), this);
}

Task<std::unique_ptr<ClientWebSocket>> Client::websocket(std::string target, Headers headers) {
  const std::string key = websocket_key();
  headers.set("Connection", "Upgrade");
  headers.set("Upgrade", "websocket");
  headers.set("Sec-WebSocket-Version", "13");
  headers.set("Sec-WebSocket-Key", key);
  Request request{.method = "GET", .target = std::move(target), .headers = std::move(headers)};
  CO_TRY(auto response, co_await send(std::move(request)));
  if (response->status() != 101) {
    auto body = co_await response->read_body(4096);
    co_return Error(Code::kUnavailable, "no WebSocket but status " + std::to_string(response->status()) + ": " +
                                            printable(body.has_value() ? *body : std::string()));
  }
  if (response->headers().get("Sec-WebSocket-Accept") != websocket_accept(key)) {
    co_return Error(Code::kUnavailable, "the server's WebSocket handshake is wrong");
  }
  co_return std::make_unique<ClientWebSocket>(std::move(response));
}

ClientWebSocket::ClientWebSocket(std::unique_ptr<Response> response)
    : response_(std::move(response)), socket_(response_->take_over(), WebSocket::Role::kClient) {}

Response::Response(std::unique_ptr<ClientConnection> connection, Client* client)
    : connection_(std::move(connection)), client_(client) {}

Response::~Response() {
  const bool may_keep = connection_ != nullptr && connection_->body.is_done() && connection_->head.may_keep_alive &&
                        connection_->is_whole && connection_->head.status != 101;
  if (may_keep && client_ != nullptr) client_->keep(std::move(connection_));
}

int Response::status() const { return connection_->head.status; }
const Headers& Response::headers() const { return connection_->head.headers; }

Task<std::size_t> Response::read_some(std::span<std::byte> buffer) {
  auto count = co_await within(client_->options_.stall_time, connection_->read_body(buffer), "the next byte");
  if (!count.has_value() && count.error().code() == Code::kInvalidArgument) {
    co_return Error(Code::kUnavailable, count.error().message());
  }
  co_return count;
}

Task<std::string> Response::read_body(std::size_t limit) {
  std::string body;
  constexpr std::size_t kStep = std::size_t{16} << 10;
  while (true) {
    const std::size_t had = body.size();
    body.resize(had + std::min(std::max(kStep, had), limit + 1 - had));
    CO_TRY(const std::size_t count, co_await read_some(std::as_writable_bytes(std::span(body).subspan(had))));
    body.resize(had + count);
    if (count == 0) co_return body;
    if (body.size() > limit) {
      co_return Error(Code::kExhausted, "the answer is longer than " + std::to_string(limit) + " bytes");
    }
  }
}

Task<std::optional<Event>> Response::read_event() {
  if (events_ == nullptr) events_ = std::make_unique<EventParser>();
  Buffer buffer(kRoom);
  while (true) {
    if (auto event = events_->next()) co_return event;
    CO_TRY(const std::size_t count, co_await read_some(buffer.bytes()));
    if (count == 0) co_return std::optional<Event>();
    CO_TRY_VOID(events_->feed({reinterpret_cast<const char*>(buffer.bytes().data()), count}));
  }
}

Task<> Response::upload(Request& request) {
  if (request.source) co_return co_await connection_->write_source(request, client_->options_.header_bytes);
  if (!request.body.empty()) co_return co_await connection_->stream->write_all(request.body);
  co_return Result<>();
}

Task<> Response::answered(std::string method) {
  co_return co_await within(client_->options_.answer_time,
                            connection_->read_head(std::move(method), client_->options_.header_bytes), "the answer");
}

Stream& Response::take_over() {
  connection_->head.may_keep_alive = false;
  return connection_->raw;
}

}  // namespace brig::http
