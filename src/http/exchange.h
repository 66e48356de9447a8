#pragma once
/// Exchange: one request and its answer, as a handler sees it.
///
/// A handler is a coroutine for one request; the Exchange outlives it. It reads the body if it wants to, and answers
/// once: send(), or start() … write() … finish(), or accept_websocket(), or take_over(). What it leaves unread is
/// dropped, what it leaves unanswered becomes a 500, and an answer that it began and did not finish cuts the
/// connection, so that nobody takes a part for the whole. Keep-alive, pipelining and HEAD are the server's business.
///
/// A failure that is the client's (a body too long, too slow or malformed) is remembered: whatever Error the handler
/// then ends with, the client is told its own mistake (413, 408, 400).
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.h"
#include "http/error_reply.h"
#include "http/events.h"
#include "http/headers.h"
#include "http/stream.h"
#include "http/target.h"
#include "http/websocket.h"

namespace brig::http {

class Connection;

/// Who is at the other end.
struct Peer {
  bool is_unix = false;
  bool is_tls = false;
  std::string address;  ///< "127.0.0.1:40112", "[::1]:40112", "unix:uid=0"
};

class Exchange {
 public:
  // ---- the request
  [[nodiscard]] const std::string& method() const;
  [[nodiscard]] const Target& target() const;
  [[nodiscard]] const Headers& headers() const;
  /// The first field of this name, or null.
  [[nodiscard]] const std::string* header(std::string_view name) const { return headers().find(name); }
  /// "name" or "name:port" as the client wrote it; "" for HTTP/1.0 without Host.
  [[nodiscard]] const std::string& authority() const;
  /// The name alone, in small letters; "[::1]" keeps its brackets.
  [[nodiscard]] std::string host() const;
  [[nodiscard]] const Peer& peer() const;
  /// X-Request-Id if it is sane (1–64 of letters, digits and "-_."), else a new one. Every answer carries it.
  [[nodiscard]] const std::string& request_id() const;
  /// True if the client asks to speak WebSocket.
  [[nodiscard]] bool is_websocket() const;
  /// The server is stopping: what takes long should end.
  [[nodiscard]] bool is_stopping() const;

  /// From now on the connection counts as one of `owner`'s (a key's, say), until a request on it is another's.
  /// kExhausted if that has as many as it may (Limits::connections_each); then the connection closes after the answer.
  /// Memory too is counted for it (Limits::held_each).
  Result<> count_for(std::string_view owner) const;

  // ---- what the router found (router.h)
  /// The decoded value of `{name}` in the route's pattern; "" if there is none.
  [[nodiscard]] std::string_view parameter(std::string_view name) const;
  /// The name of the route, for metrics; "" before routing.
  [[nodiscard]] std::string_view route() const;
  void set_route(std::string_view name, std::vector<std::pair<std::string, std::string>> parameters);

  // ---- the body
  /// The announced length; nothing for a chunked one. 0 if there is no body.
  [[nodiscard]] std::optional<std::uint64_t> content_length() const;
  /// All of it. kExhausted (told to the client as 413) beyond `limit`.
  Task<std::string> read_body(std::size_t limit);
  /// The body may stay away as long as it likes (else Limits::body_stall): it is somebody's talk, no upload.
  void allow_silence();
  /// The next bytes, decoded if it is chunked; 0 at its end. Answers `Expect: 100-continue` first.
  Task<std::size_t> read_some(std::span<std::byte> buffer);

  // ---- the answer
  [[nodiscard]] bool has_started() const;
  /// The status that was sent; 0 before.
  [[nodiscard]] int status() const;
  /// Joins every answer's head, e.g. CORS. Before it starts.
  void add_header(std::string name, std::string value);
  Task<> send(int status, Headers headers, std::string body);
  Task<> send(Reply reply);
  Task<> send_json(int status, std::string json);
  /// The reply of Server's `ErrorMapper` for `error`.
  Task<> fail(Error error);
  /// Sends the head. With `length` exactly so many bytes must follow, without it the body is chunked (HTTP/1.0: until
  /// the connection closes).
  Task<> start(int status, Headers headers, std::optional<std::uint64_t> length = {});
  /// Suspends while the client does not take it. kUnavailable if it is gone. Several tasks may write.
  Task<> write(std::string_view bytes);
  Task<> finish();
  /// start() for server-sent events; then event() and comment(), then finish().
  Task<> start_events(Headers headers = {});
  Task<> event(Event event);
  Task<> comment(std::string_view text);

  /// Suspends until the client is gone: it closed or broke the connection, or (over TCP, where the two look alike)
  /// ended its direction. For `work || exchange.gone()`. Not while the body is being read. Pipelined requests are kept.
  /// A handler that was told so may end without an answer.
  Task<> gone();

  /// Answers the handshake. The WebSocket belongs to the caller and must go before the Exchange. kInvalidArgument
  /// (told to the client as 400 or 426) if this is no proper handshake. `protocol`: one of those the client offered.
  Task<std::unique_ptr<WebSocket>> accept_websocket(std::string_view protocol = {});
  /// Answers 101 with these headers, "Upgrade" among them; then as take_over().
  Task<Stream*> switch_protocols(Headers headers);
  /// The connection's bytes from after the head on, in both directions; nothing is answered by the server any more and
  /// the connection closes when the handler ends. No limits of time but the write stall.
  Stream& take_over();

  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

 private:
  friend class Connection;
  explicit Exchange(Connection& connection) : connection_(&connection) {}
  ~Exchange() = default;
  Connection* connection_;
};

using Handler = std::function<Task<>(Exchange&)>;
/// Turns what a handler failed with into a reply.
using ErrorMapper = std::function<Reply(const Error&, const Exchange&)>;

}  // namespace brig::http
