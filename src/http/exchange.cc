#include "http/exchange.h"

#include <algorithm>

#include "base/units.h"
#include "http/connection.h"
#include "http/server_state.h"
#include "http/websocket_handshake.h"

namespace brig::http {

// ---- what there is to know

const std::string& Exchange::method() const { return connection_->request_->head.method; }
const Target& Exchange::target() const { return connection_->request_->target; }
const Headers& Exchange::headers() const { return connection_->request_->head.headers; }
const std::string& Exchange::authority() const { return connection_->request_->authority; }
const Peer& Exchange::peer() const { return connection_->peer_; }
const std::string& Exchange::request_id() const { return connection_->request_->id; }
bool Exchange::is_stopping() const { return connection_->server_->is_stopping; }
std::string_view Exchange::route() const { return connection_->request_->route; }
bool Exchange::has_started() const { return connection_->request_->status != 0; }
int Exchange::status() const { return connection_->request_->status; }

std::string Exchange::host() const {
  std::string_view text = authority();
  if (const auto bracket = text.find(']'); bracket != std::string_view::npos) {
    text = text.substr(0, bracket + 1);
  } else {
    text = text.substr(0, text.find(':'));
  }
  std::string host(text);
  std::ranges::transform(host, host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return host;
}

bool Exchange::is_websocket() const { return wants_websocket(method(), headers()); }

std::string_view Exchange::parameter(std::string_view name) const {
  for (const auto& [key, value] : connection_->request_->parameters) {
    if (key == name) return value;
  }
  return {};
}

void Exchange::set_route(std::string_view name, std::vector<std::pair<std::string, std::string>> parameters) {
  connection_->request_->route = name;
  connection_->request_->parameters = std::move(parameters);
}

std::optional<std::uint64_t> Exchange::content_length() const {
  const RequestHead& head = connection_->request_->head;
  if (head.framing == Framing::kChunked) return std::nullopt;
  return head.length;
}

Result<> Exchange::count_for(std::string_view owner) const { return connection_->count_for(owner); }

Result<> Connection::count_for(std::string_view owner) {
  if (owner_ == owner) return {};
  auto& shares = server_->shares;
  const std::size_t most = server_->options.limits.connections_each;
  const auto found = shares.find(owner);
  if (found != shares.end() && found->second.connections >= most) {
    request_->must_close = true;
    return Error(Code::kExhausted, "this key has " + std::to_string(most) +
                                       " connections already, which is as many as it may; close some first");
  }
  leave_owner();
  owner_ = owner;
  ++shares[owner_].connections;
  return {};
}

void Connection::leave_owner() {
  release(held_);
  if (owner_.empty()) return;
  const auto found = server_->shares.find(owner_);
  if (--found->second.connections == 0 && found->second.held == 0) server_->shares.erase(found);
  owner_.clear();
}

Result<> Connection::hold(std::size_t bytes) {
  const std::size_t most = server_->options.limits.held_each;
  auto& share = server_->shares[owner_];
  if (bytes > most - share.held) {
    request_->must_close = true;
    return Error(Code::kExhausted, "this key has more requests and answers under way than " + format(Bytes{most}) +
                                       " hold; read the answers, or ask for less at once");
  }
  share.held += bytes;
  held_ += bytes;
  return {};
}

void Connection::release(std::size_t bytes) {
  bytes = std::min(bytes, held_);
  if (bytes == 0) return;
  held_ -= bytes;
  server_->shares.find(owner_)->second.held -= bytes;
}

// ---- the body

Task<std::size_t> Exchange::read_some(std::span<std::byte> buffer) { return connection_->read_body_some(buffer); }

void Exchange::allow_silence() { connection_->request_->may_be_silent = true; }

Task<std::string> Exchange::read_body(std::size_t limit) {
  RequestState& request = *connection_->request_;
  const auto too_long = [&] {
    request.refusal = Refusal{.status = 413,
                              .code = "body_too_large",
                              .sentence = "the body is longer than " + std::to_string(limit) + " bytes"};
    request.must_close = true;
    return Error(Code::kExhausted, request.refusal->sentence);
  };
  std::string body;
  const std::uint64_t announced = content_length().value_or(0);
  if (announced > limit) co_return too_long();
  constexpr std::size_t kStep = std::size_t{16} << 10;
  while (!request.body.is_done()) {
    // Grows with what has come, not with what was announced: memory is not given for promises.
    const std::size_t had = body.size();
    body.resize(had + std::min(std::max(kStep, had), limit + 1 - had));
    CO_TRY(const std::size_t count, co_await read_some(std::as_writable_bytes(std::span(body).subspan(had))));
    body.resize(had + count);
    if (body.size() > limit) co_return too_long();
    if (auto held = connection_->hold(count); !held) {
      request.refusal = Refusal{.status = 429, .code = "too_much_at_once", .sentence = held.error().message()};
      co_return std::move(held).error();
    }
  }
  co_return body;
}

Error Connection::body_failed(Error error) {
  RequestState& request = *request_;
  request.must_close = true;
  request.body.give_up();
  if (error.code() == Code::kDeadline) {
    request.refusal =
        Refusal{.status = 408, .code = "body_timeout", .sentence = "no byte of the body came for too long"};
  } else if (error.code() == Code::kInvalidArgument) {
    request.refusal = Refusal{.status = 400, .code = "bad_body", .sentence = error.message()};
  }
  return error;
}

Task<> Connection::say_continue() {
  if (!std::exchange(request_->must_say_continue, false)) co_return Result<>();
  if (request_->status != 0) co_return Result<>();
  co_return co_await transport_->write_all("HTTP/1.1 100 Continue\r\n\r\n");
}

Task<std::size_t> Connection::read_body_some(std::span<std::byte> buffer) {
  RequestState& request = *request_;
  if (request.body.is_done() || buffer.empty()) {
    if (request.refusal) co_return Error(Code::kInvalidArgument, request.refusal->sentence);
    co_return std::size_t{0};
  }
  CO_TRY_VOID(co_await say_continue());
  if (!request.may_be_silent) transport_->set_read_deadline(Clock::now() + server_->options.limits.body_stall);
  auto count =
      co_await request.body.read_some({.inbox = inbox_, .stream = *transport_, .has_ended = has_ended_}, buffer);
  transport_->clear_read_deadline();
  if (!count.has_value()) {
    if (count.error().code() == Code::kCancelled) co_return count;
    co_return body_failed(std::move(count).error());
  }
  request.bytes_in += *count;
  co_return count;
}

Task<> Exchange::gone() { return connection_->wait_gone(); }

Task<> Connection::wait_gone() {
  CO_TRY_VOID(co_await see_client_go());
  request_->is_client_gone = true;
  co_return Result<>();
}

Task<> Connection::see_client_go() {
  const Limits& limits = server_->options.limits;
  while (!has_ended_) {
    if (inbox_.size() >= limits.header_bytes) co_return co_await transport_->wait_hangup();
    auto count = co_await fill(1024);
    if (!count.has_value()) {
      if (count.error().code() == Code::kCancelled) co_return std::move(count).error();
      co_return Result<>();
    }
  }
  // A Unix socket knows whether the other end was closed or only its direction ended.
  if (transport_->is_unix() && !transport_->is_tls()) co_return co_await transport_->wait_hangup();
  co_return Result<>();
}

// ---- the answer

bool Connection::keeps_alive() const { return !request_->must_close && !server_->is_stopping; }

Result<std::string> Connection::format_head(int status, const Headers& headers) {
  RequestState& request = *request_;
  std::string text;
  text.reserve(256);
  text.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason_of(status)).append("\r\n");
  if (headers.find("Date") == nullptr) text.append("Date: ").append(server_->date()).append("\r\n");
  if (headers.find("X-Request-Id") == nullptr) text.append("X-Request-Id: ").append(request.id).append("\r\n");
  if (!append_headers(text, headers) || !append_headers(text, request.more_headers)) {
    return Error(Code::kInternal, "the answer has a header that may not be sent");
  }
  switch (request.form) {
    case AnswerForm::kLength:
      text.append("Content-Length: ").append(std::to_string(request.answer_left)).append("\r\n");
      break;
    case AnswerForm::kChunked: text.append("Transfer-Encoding: chunked\r\n"); break;
    case AnswerForm::kUntilClose: request.must_close = true; break;
    case AnswerForm::kNone: break;
  }
  if (!keeps_alive()) {
    request.must_close = true;
    text.append("Connection: close\r\n");
  } else if (request.head.is_http_1_0) {
    text.append("Connection: keep-alive\r\n");
  }
  text.append("\r\n");
  return text;
}

namespace {
/// What every connection may take beside what is counted.
constexpr std::size_t kUncounted = std::size_t{64} << 10;

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }
}  // namespace

Task<> Connection::send_whole(int status, Headers headers, std::string body) {
  RequestState& request = *request_;
  if (request.status != 0) co_return Error(Code::kInternal, "a second answer");
  if (request.must_say_continue) request.must_close = true;  // see drain_body()
  if (const auto held = body.size() > kUncounted ? hold(body.size()) : Result<>(); !held) {
    Reply reply = error_reply(429, "too_much_at_once", held.error().message(), request.id);
    status = reply.status;
    headers = std::move(reply.headers);
    body = std::move(reply.body);
  }
  request.form = has_no_body(status) ? AnswerForm::kNone : AnswerForm::kLength;
  request.answer_left = body.size();
  CO_TRY(const std::string head, format_head(status, headers));
  request.status = status;
  const bool has_body = request.form == AnswerForm::kLength && request.head.method != "HEAD";
  request.must_close = request.must_close || server_->is_stopping;
  auto written = co_await transport_->write_parts({head, has_body ? std::string_view(body) : std::string_view(), {}});
  if (!written.has_value()) {
    request.must_close = true;
    co_return written;
  }
  if (has_body) request.bytes_out = body.size();
  request.is_finished = true;
  co_return Result<>();
}

Task<> Connection::start_answer(int status, Headers headers, std::optional<std::uint64_t> length) {
  RequestState& request = *request_;
  if (request.status != 0) co_return Error(Code::kInternal, "a second answer");
  if (request.must_say_continue) request.must_close = true;
  request.form = has_no_body(status)        ? AnswerForm::kNone
                 : length                   ? AnswerForm::kLength
                 : request.head.is_http_1_0 ? AnswerForm::kUntilClose
                                            : AnswerForm::kChunked;
  request.answer_left = length.value_or(0);
  CO_TRY(const std::string head, format_head(status, headers));
  request.status = status;
  if (request.head.method == "HEAD") request.form = AnswerForm::kNone;
  co_return co_await transport_->write_all(head);
}

Task<> Connection::write_answer(std::string_view bytes) {
  RequestState& request = *request_;
  if (request.status == 0 || request.is_finished) co_return Error(Code::kInternal, "bytes outside an answer");
  if (bytes.empty() || request.form == AnswerForm::kNone) co_return Result<>();
  const std::size_t counted = bytes.size() > kUncounted ? bytes.size() : 0;
  CO_TRY_VOID(hold(counted));
  const Held held(*this, counted);
  request.bytes_out += bytes.size();
  if (request.form == AnswerForm::kChunked) {
    const std::string size = chunk_head(bytes.size());
    co_return co_await transport_->write_parts({size, bytes, "\r\n"});
  }
  if (request.form == AnswerForm::kLength) {
    if (bytes.size() > request.answer_left) co_return Error(Code::kInternal, "more bytes than were announced");
    request.answer_left -= bytes.size();
  }
  co_return co_await transport_->write_all(bytes);
}

Task<> Connection::finish_answer() {
  RequestState& request = *request_;
  if (request.status == 0 || request.is_finished) co_return Error(Code::kInternal, "no answer to finish");
  if (request.form == AnswerForm::kLength && request.answer_left > 0) {
    co_return Error(Code::kInternal, "fewer bytes than were announced");
  }
  if (request.form == AnswerForm::kChunked) CO_TRY_VOID(co_await transport_->write_all("0\r\n\r\n"));
  request.is_finished = true;
  co_return Result<>();
}

Task<> Connection::answer_error(Error error) {
  RequestState& request = *request_;
  Reply reply;
  if (request.refusal) {
    reply = error_reply(request.refusal->status, request.refusal->code, request.refusal->sentence, request.id);
  } else {
    reply = server_->options.error_mapper(error, exchange_);
  }
  // A client that went away in the middle of its answer is no failure of the handler's.
  const bool is_clients =
      request.refusal || error.code() == Code::kCancelled ||
      (request.status != 0 && (error.code() == Code::kUnavailable || error.code() == Code::kDeadline));
  // What is said with a 502 may be as ordinary as a sandbox that has ended: the error itself says whether it is
  // trouble.
  const bool is_ours =
      !is_clients && reply.status >= 500 && status_of(error.code()) >= 500 && error.code() != Code::kUnsupported;
  if (is_ours && server_->options.observer.on_failure) server_->options.observer.on_failure(error, exchange_);
  if (request.status != 0) {
    request.must_close = true;  // the answer has begun: only its missing end can say that it is none
    transport_->close();
    co_return error;
  }
  co_return co_await send_whole(reply.status, std::move(reply.headers), std::move(reply.body));
}

void Exchange::add_header(std::string name, std::string value) {
  connection_->request_->more_headers.add(std::move(name), std::move(value));
}
Task<> Exchange::send(int status, Headers headers, std::string body) {
  return connection_->send_whole(status, std::move(headers), std::move(body));
}
Task<> Exchange::send(Reply reply) {
  return connection_->send_whole(reply.status, std::move(reply.headers), std::move(reply.body));
}
Task<> Exchange::send_json(int status, std::string json) {
  return connection_->send_whole(status, {{"Content-Type", "application/json"}}, std::move(json));
}
Task<> Exchange::fail(Error error) { return connection_->answer_error(std::move(error)); }
Task<> Exchange::start(int status, Headers headers, std::optional<std::uint64_t> length) {
  return connection_->start_answer(status, std::move(headers), length);
}
Task<> Exchange::write(std::string_view bytes) { return connection_->write_answer(bytes); }
Task<> Exchange::finish() { return connection_->finish_answer(); }

Task<> Exchange::start_events(Headers headers) {
  headers.set("Content-Type", "text/event-stream");
  headers.set("Cache-Control", "no-store");
  headers.set("X-Accel-Buffering", "no");  // a proxy in between must not collect events
  return connection_->start_answer(200, std::move(headers), std::nullopt);
}

Task<> Exchange::event(Event event) {
  const std::string text = format_event(event);
  co_return co_await connection_->write_answer(text);
}

Task<> Exchange::comment(std::string_view text) {
  const std::string line = format_event_comment(text);
  co_return co_await connection_->write_answer(line);
}

// ---- other ways to go on

Task<std::unique_ptr<WebSocket>> Exchange::accept_websocket(std::string_view protocol) {
  RequestState& request = *connection_->request_;
  if (request.status != 0) co_return Error(Code::kInternal, "a second answer");
  if (const auto refusal = refuse_websocket(request.head)) {
    request.refusal = *refusal;
    if (refusal->status == 426) {
      add_header("Upgrade", "websocket");
      add_header("Sec-WebSocket-Version", "13");
    }
    co_return Error(Code::kInvalidArgument, refusal->sentence);
  }
  std::string head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  head.append("X-Request-Id: ").append(request.id).append("\r\nSec-WebSocket-Accept: ");
  head.append(websocket_accept(request.head.headers.get("Sec-WebSocket-Key"))).append("\r\n");
  if (!protocol.empty()) head.append("Sec-WebSocket-Protocol: ").append(protocol).append("\r\n");
  head.append("\r\n");
  Stream& stream = take_over();
  request.status = 101;
  CO_TRY_VOID(co_await stream.write_all(head));
  co_return std::make_unique<WebSocket>(stream, WebSocket::Role::kServer);
}

Task<Stream*> Exchange::switch_protocols(Headers headers) {
  RequestState& request = *connection_->request_;
  if (request.status != 0) co_return Error(Code::kInternal, "a second answer");
  std::string head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n";
  head.append("X-Request-Id: ").append(request.id).append("\r\n");
  if (!append_headers(head, headers)) co_return Error(Code::kInternal, "the answer has a header that may not be sent");
  head.append("\r\n");
  Stream& stream = take_over();
  request.status = 101;
  CO_TRY_VOID(co_await stream.write_all(head));
  co_return &stream;
}

Stream& Exchange::take_over() {
  RequestState& request = *connection_->request_;
  request.is_finished = true;
  request.must_close = true;
  request.body.give_up();
  return connection_->raw_;
}

Task<std::size_t> Connection::Raw::read_some(std::span<std::byte> buffer) {
  if (!connection_.inbox_.is_empty()) co_return connection_.inbox_.take(buffer);
  if (connection_.has_ended_) co_return std::size_t{0};
  CO_TRY(const std::size_t count, co_await connection_.transport_->read_some(buffer));
  if (count == 0) connection_.has_ended_ = true;
  co_return count;
}

Task<> Connection::Raw::write_all(std::string_view bytes) { return connection_.transport_->write_all(bytes); }
Task<> Connection::Raw::shutdown_send() { return connection_.transport_->shutdown_send(); }
void Connection::Raw::close() { connection_.transport_->close(); }

}  // namespace brig::http
