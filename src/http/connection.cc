#include "http/connection.h"

#include <algorithm>
#include <array>
#include <exception>

#include <boost/asio/this_coro.hpp>

#include "http/server_state.h"

namespace brig::http {
namespace {

constexpr std::size_t kHeadRoom = 2048;
constexpr std::size_t kDrainBuffer = std::size_t{16} << 10;

/// A request id of the client's goes into logs and answers, so it may hold nothing that means something there.
bool is_sane_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
           c == '.';
  });
}

}  // namespace

Connection::Connection(std::shared_ptr<Server::State> server, std::unique_ptr<Transport> transport, Peer peer)
    : server_(std::move(server)), place_(server_->connections.insert(server_->connections.end(), this)),
      transport_(std::move(transport)), peer_(std::move(peer)), raw_(*this), exchange_(*this) {
  transport_->set_write_stall(server_->options.limits.write_stall);
}

Connection::~Connection() {
  leave_owner();
  server_->connections.erase(place_);
  server_->changed.notify();
}

void Connection::close_if_idle() {
  if (is_idle_) transport_->close();
}

Task<> Connection::run() {
  const Limits& limits = server_->options.limits;
  if (transport_->is_tls()) {
    transport_->set_read_deadline(Clock::now() + limits.handshake_time);
    auto shaken = co_await transport_->accept_tls();
    if (!shaken.has_value()) co_return Result<>();  // its trouble, not ours: nobody was there yet to be told
  }
  while (!server_->is_stopping) {
    auto has_head = co_await read_head();
    if (!has_head.has_value() || !*has_head) break;
    CO_TRY_VOID(co_await handle());
    const bool ends = request_->must_close;
    request_.reset();
    release(held_);
    if (ends) break;
  }
  co_return co_await close_politely();
}

Task<> Connection::run_refused() {
  if (transport_->is_tls()) co_return Result<>();  // a handshake is what there are too many of
  transport_->set_read_deadline(Clock::now() + server_->options.limits.linger);
  (void)co_await fill(kHeadRoom);  // who is told before it asked may take it for an answer to nothing
  co_return co_await refuse({.status = 503,
                             .code = "too_many_connections",
                             .sentence = "the server has as many connections as it may; try again later"});
}

Task<std::size_t> Connection::fill(std::size_t least) {
  if (has_ended_) co_return std::size_t{0};
  CO_TRY(const std::size_t count, co_await transport_->read_some(inbox_.room(least)));
  inbox_.commit(count);
  if (count == 0) has_ended_ = true;
  co_return count;
}

Task<bool> Connection::read_head() {
  auto size = co_await find_head();
  if (!size.has_value()) {
    // Who is cut by a reset or by our own stop is told nothing; who was slow with a head that it had begun, is.
    if (size.error().code() == Code::kDeadline && !inbox_.is_empty()) {
      CO_TRY_VOID(co_await refuse(
          {.status = 408, .code = "header_timeout", .sentence = "the head of the request took too long"}));
    }
    co_return false;
  }
  if (!size->has_value()) co_return false;
  if (auto refusal = take_head(**size)) {
    CO_TRY_VOID(co_await refuse(*std::move(refusal)));
    co_return false;
  }
  co_return true;
}

/// The size of the head at the beginning of the inbox; nothing if the client ended, or was refused.
Task<std::optional<std::size_t>> Connection::find_head() {
  const Limits& limits = server_->options.limits;
  HeadScanner scanner;
  bool has_begun = false;
  bool is_line_checked = false;
  transport_->set_read_deadline(Clock::now() + limits.idle_time);
  while (true) {
    // Blank lines before a request are what some clients send after a body (RFC 9112, 2.2).
    while (!has_begun && inbox_.view().starts_with("\r\n")) inbox_.consume(2);
    const std::string_view bytes = inbox_.view();
    if (!has_begun && !bytes.empty() && bytes != "\r") {
      has_begun = true;
      transport_->set_read_deadline(Clock::now() + limits.header_time);
    }
    if (has_begun) {
      auto end = scanner.scan(bytes, limits.header_bytes);
      std::optional<Refusal> refusal;
      if (!is_token(bytes.substr(0, 1))) {
        refusal = Refusal{.sentence = "the first line is no HTTP request"};  // TLS on a plain port, for example
      } else if (scanner.first_line() && !is_line_checked) {
        is_line_checked = true;
        refusal = refuse_request_line(bytes.substr(0, *scanner.first_line()), limits);
      } else if (!scanner.first_line() && bytes.size() > limits.target_bytes + 64) {
        refusal = Refusal{.status = 414, .code = "target_too_long", .sentence = "the first line is too long"};
      }
      if (!refusal && !end.has_value()) refusal = std::move(end).error();
      if (refusal) {
        CO_TRY_VOID(co_await refuse(*std::move(refusal)));
        co_return std::nullopt;
      }
      if (*end) co_return *end;
    }
    is_idle_ = !has_begun;
    if (is_idle_) inbox_.shrink();
    auto count = co_await fill(kHeadRoom);
    is_idle_ = false;
    if (!count.has_value()) co_return std::move(count).error();
    if (*count == 0) co_return std::nullopt;
  }
}

std::optional<Refusal> Connection::take_head(std::size_t size) {
  auto head = parse_request_head(inbox_.view().substr(0, size), server_->options.limits);
  if (!head) return std::move(head).error();
  inbox_.consume(size);
  auto target = parse_target(head->target);
  if (!target.has_value()) return Refusal{.code = "bad_target", .sentence = target.error().message()};
  request_ = std::make_unique<RequestState>();
  RequestState& request = *request_;
  request.began = Clock::now();
  request.target = *std::move(target);
  request.authority = request.target.authority.empty() ? std::string(head->headers.get("Host"))  //
                                                       : request.target.authority;
  const std::string_view id = head->headers.get("X-Request-Id");
  request.id = is_sane_id(id) ? std::string(id) : server_->next_request_id();
  request.must_close = !head->may_keep_alive;
  request.must_say_continue = head->expects_continue;
  request.body = BodyReader(head->framing, head->length);
  request.head = *std::move(head);
  return std::nullopt;
}

Task<> Connection::handle() {
  transport_->clear_read_deadline();
  ++server_->figures.requests;
  ++server_->figures.requests_running;
  auto handled = co_await call_handler();
  const auto state = co_await asio::this_coro::cancellation_state;
  --server_->figures.requests_running;
  RequestState& request = *request_;
  request.may_be_silent = false;
  if (state.cancelled() != asio::cancellation_type::none) {
    request.must_close = true;
    report();
    co_return Error(Code::kCancelled, "cancelled");
  }
  if (handled.has_value() && !request.is_finished && request.is_client_gone) {
    request.must_close = true;  // a handler that was told so need not answer nobody
    transport_->close();
  } else if (handled.has_value() && !request.is_finished) {
    handled = Error(Code::kInternal,
                    request.status == 0 ? "the handler gave no answer" : "the handler did not finish its answer");
  }
  if (!handled.has_value() && !request.is_finished) {
    // Also for a failed write: then it is the client that is told nothing more.
    auto told = co_await answer_error(std::move(handled).error());
    if (!told.has_value()) request.must_close = true;
  } else if (!handled.has_value()) {
    report_late(handled.error());
  }
  report();
  if (!request.must_close && !request.body.is_done()) {
    auto drained = co_await drain_body();
    if (!drained.has_value()) request.must_close = true;
  }
  co_return Result<>();
}

Task<> Connection::call_handler() {
  // A handler is somebody else's code: what it throws ends its request and nothing more.
  std::exception_ptr exception;
  try {
    co_return co_await server_->options.handler(exchange_);
  } catch (...) {
    exception = std::current_exception();
  }
  Error error = error_of(exception);
  co_return std::move(error).context("the handler threw");
}

/// A failure after the answer: nobody but the log can be told.
void Connection::report_late(const Error& error) {
  const bool is_ours = error.code() == Code::kInternal || error.code() == Code::kSystem;
  const auto& on_failure = server_->options.observer.on_failure;
  if (is_ours && on_failure) on_failure(error, exchange_);
}

void Connection::report() {
  const auto& on_request = server_->options.observer.on_request;
  if (!on_request) return;
  on_request({.exchange = exchange_,
              .status = request_->status,
              .duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - request_->began),
              .bytes_in = request_->bytes_in,
              .bytes_out = request_->bytes_out});
}

/// What the handler left of the body, so that the next request can be found. An error = not worth it.
Task<> Connection::drain_body() {
  const Limits& limits = server_->options.limits;
  // Who waits to be told to send, and was not, may send nothing or all of it: where the next request begins is unknown.
  if (request_->must_say_continue || request_->body.left() > limits.drain_bytes) {
    co_return Error(Code::kExhausted, "too much of the body is left");
  }
  std::array<std::byte, kDrainBuffer> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): only written to
  std::size_t total = 0;
  while (!request_->body.is_done()) {
    CO_TRY(const std::size_t count, co_await read_body_some(buffer));
    total += count;
    if (total > limits.drain_bytes) co_return Error(Code::kExhausted, "too much of the body is left");
  }
  co_return Result<>();
}

Task<> Connection::refuse(Refusal refusal) {
  // There may be no request to speak of: a head that could not be read has no id.
  const std::string id = server_->next_request_id();
  const Reply reply = error_reply(refusal.status, refusal.code, refusal.sentence, id);
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  text.append(reason_of(reply.status)).append("\r\nDate: ").append(server_->date());
  text.append("\r\nX-Request-Id: ").append(id).append("\r\nConnection: close\r\nContent-Length: ");
  text.append(std::to_string(reply.body.size())).append("\r\n");
  if (refusal.status == 503) text.append("Retry-After: 1\r\n");
  (void)append_headers(text, reply.headers);
  text.append("\r\n").append(reply.body);
  (void)co_await transport_->write_all(text);
  co_return co_await close_politely();
}

/// Closing a socket with unread bytes resets it, and a reset can overtake the last answer. So: end our direction, and
/// take what still comes for a moment.
Task<> Connection::close_politely() {
  (void)co_await transport_->shutdown_send();
  const auto deadline = Clock::now() + server_->options.limits.linger;
  transport_->set_read_deadline(deadline);
  std::array<std::byte, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): only written to
  while (!has_ended_ && Clock::now() < deadline) {
    auto count = co_await transport_->read_some(buffer);
    if (!count.has_value() || *count == 0) break;
  }
  transport_->close();
  co_return Result<>();
}

}  // namespace brig::http
