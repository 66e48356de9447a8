#include "http/websocket.h"

#include <sys/random.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "async/timer.h"
#include "base/text.h"
#include "http/inbox.h"
#include "http/websocket_frame.h"

namespace brig::http {
namespace {

constexpr std::size_t kRoom = std::size_t{16} << 10;
constexpr int kMaxSilences = 3;
constexpr std::uint16_t kProtocolError = 1002;
constexpr std::uint16_t kNoCode = 1005;
constexpr std::uint16_t kBadText = 1007;
constexpr std::uint16_t kTooBig = 1009;

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string payload;
  payload.push_back(static_cast<char>(code >> 8U));
  payload.push_back(static_cast<char>(code & 0xffU));
  std::size_t size = std::min<std::size_t>(reason.size(), 123);  // what a control frame holds
  while (size > 0 && !is_utf8(reason.substr(0, size))) --size;   // not through the middle of a character
  payload.append(reason.substr(0, size));
  return payload;
}

}  // namespace

struct WebSocket::State {
  State(Stream& the_stream, Role the_role) : stream(the_stream), role(the_role) {}

  Stream& stream;
  Role role;
  Inbox inbox;
  // Where reading stands. All of it outlives a cancelled read.
  std::optional<FrameHead> frame;
  std::uint64_t frame_done = 0;       ///< bytes of its payload that have been used
  std::optional<Message::Kind> kind;  ///< of the message that has begun
  std::string message;
  int silences = 0;
  Milliseconds keep_alive{0};
  bool has_sent_close = false;
  bool has_ended = false;  ///< nothing can be read any more

  Task<> write_frame(Opcode opcode, std::string_view payload);
  Task<> send_close(std::uint16_t code, std::string_view reason);
  Task<Message> fail(std::uint16_t code, Error error);
  Task<> fill();
  Task<std::size_t> read_or_ping(std::span<std::byte> room);
  Result<bool> next_frame();
  void take_data();
  std::string take_control();
};

WebSocket::WebSocket(Stream& stream, Role role) : state_(std::make_unique<State>(stream, role)) {}
WebSocket::~WebSocket() = default;

Task<> WebSocket::State::write_frame(Opcode opcode, std::string_view payload) {
  std::string bytes;
  if (role == Role::kServer) {
    bytes = format_frame_head(opcode, payload.size(), std::nullopt);
    bytes.append(payload);
  } else {
    Mask mask{};
    (void)!::getrandom(mask.data(), mask.size(), 0);  // four bytes are always given at once
    bytes = format_frame_head(opcode, payload.size(), mask);
    const std::size_t begin = bytes.size();
    bytes.append(payload);
    apply_mask(std::span(bytes).subspan(begin), mask, 0);
  }
  co_return co_await stream.write_all(bytes);
}

Task<> WebSocket::State::send_close(std::uint16_t code, std::string_view reason) {
  if (std::exchange(has_sent_close, true)) co_return Result<>();
  const std::string payload = code == kNoCode ? std::string() : close_payload(code, reason);
  co_return co_await write_frame(Opcode::kClose, payload);
}

Task<Message> WebSocket::State::fail(std::uint16_t code, Error error) {
  has_ended = true;
  (void)co_await send_close(code, error.message());
  co_return error;
}

Task<std::size_t> WebSocket::State::read_or_ping(std::span<std::byte> room) {
  while (keep_alive.count() > 0) {
    auto count = co_await with_timeout(keep_alive, stream.read_some(room), "a WebSocket's silence");
    if (count.has_value() || count.error().code() != Code::kDeadline) {
      silences = 0;
      co_return count;
    }
    if (++silences >= kMaxSilences) co_return count;
    CO_TRY_VOID(co_await write_frame(Opcode::kPing, {}));
  }
  co_return co_await stream.read_some(room);
}

Task<> WebSocket::State::fill() {
  CO_TRY(const std::size_t count, co_await read_or_ping(inbox.room(kRoom / 4)));
  inbox.commit(count);
  if (count > 0) co_return Result<>();
  has_ended = true;
  co_return Error(Code::kUnavailable, "the other side ended a WebSocket without a close");
}

/// True if `frame` is there; false if its head is not complete.
Result<bool> WebSocket::State::next_frame() {
  if (frame) return true;
  auto head = TRY(parse_frame_head(inbox.view(), role == Role::kServer));
  if (!head) return false;
  if (head->opcode == Opcode::kContinuation && !kind) {
    return Error(Code::kInvalidArgument, "a WebSocket frame that continues nothing");
  }
  if ((head->opcode == Opcode::kText || head->opcode == Opcode::kBinary) && kind) {
    return Error(Code::kInvalidArgument, "a WebSocket message inside another");
  }
  inbox.consume(head->head_size);
  frame = head;
  frame_done = 0;
  if (head->opcode == Opcode::kText) kind = Message::Kind::kText;
  if (head->opcode == Opcode::kBinary) kind = Message::Kind::kBinary;
  return true;
}

/// What has come of a data frame, into the message.
void WebSocket::State::take_data() {
  const std::size_t begin = message.size();
  const auto count = std::min<std::uint64_t>(inbox.size(), frame->length - frame_done);
  message.append(inbox.view().substr(0, count));
  inbox.consume(count);
  if (frame->mask) apply_mask(std::span(message).subspan(begin), *frame->mask, frame_done);
  frame_done += count;
}

/// The payload of a control frame that has come in full.
std::string WebSocket::State::take_control() {
  std::string payload(inbox.view().substr(0, frame->length));
  inbox.consume(payload.size());
  if (frame->mask) apply_mask(payload, *frame->mask, 0);
  frame.reset();
  return payload;
}

namespace {

/// A close's code and reason; an error for what may not be in one.
Result<Message> read_close(std::string_view payload) {
  Message message{.kind = Message::Kind::kClose, .bytes = {}, .close_code = kNoCode};
  if (payload.empty()) return message;
  if (payload.size() == 1) return Error(Code::kInvalidArgument, "a WebSocket close with half a code");
  message.close_code =
      static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8U | static_cast<unsigned char>(payload[1]));
  message.bytes = payload.substr(2);
  if (!is_close_code(message.close_code) || !is_utf8(message.bytes)) {
    return Error(Code::kInvalidArgument, "a WebSocket close with a code or reason that may not be");
  }
  return message;
}

}  // namespace

Task<Message> WebSocket::read(std::size_t limit) {
  State& state = *state_;
  while (!state.has_ended) {
    auto has_frame = state.next_frame();
    if (!has_frame.has_value()) co_return co_await state.fail(kProtocolError, std::move(has_frame).error());
    if (!*has_frame) {
      CO_TRY_VOID(co_await state.fill());
      continue;
    }
    const FrameHead frame = *state.frame;
    if (is_control(frame.opcode)) {
      if (state.inbox.size() < frame.length) {
        CO_TRY_VOID(co_await state.fill());
        continue;
      }
      const std::string payload = state.take_control();
      if (frame.opcode == Opcode::kPing && !state.has_sent_close) {
        CO_TRY_VOID(co_await state.write_frame(Opcode::kPong, payload));
      }
      if (frame.opcode != Opcode::kClose) continue;
      auto message = read_close(payload);
      if (!message.has_value()) co_return co_await state.fail(kProtocolError, std::move(message).error());
      state.has_ended = true;
      // Whoever closes need not wait for an answer, so one that cannot be given is no failure.
      (void)co_await state.send_close(message->close_code, {});
      co_return message;
    }
    if (state.message.size() + (frame.length - state.frame_done) > limit) {
      co_return co_await state.fail(
          kTooBig, Error(Code::kExhausted, "a WebSocket message longer than " + std::to_string(limit) + " bytes"));
    }
    state.take_data();
    if (state.frame_done < frame.length) {
      CO_TRY_VOID(co_await state.fill());
      continue;
    }
    state.frame.reset();
    if (!frame.is_final) continue;
    Message message{.kind = *std::exchange(state.kind, {}), .bytes = std::exchange(state.message, {})};
    if (message.kind == Message::Kind::kText && !is_utf8(message.bytes)) {
      co_return co_await state.fail(kBadText, Error(Code::kInvalidArgument, "a WebSocket text that is not UTF-8"));
    }
    co_return message;
  }
  co_return Error(Code::kUnavailable, "the WebSocket is closed");
}

Task<> WebSocket::write_text(std::string_view text) {
  if (state_->has_sent_close) co_return Error(Code::kUnavailable, "the WebSocket is closed");
  co_return co_await state_->write_frame(Opcode::kText, text);
}

Task<> WebSocket::write_binary(std::string_view bytes) {
  if (state_->has_sent_close) co_return Error(Code::kUnavailable, "the WebSocket is closed");
  co_return co_await state_->write_frame(Opcode::kBinary, bytes);
}

Task<> WebSocket::ping(std::string_view payload) {
  if (state_->has_sent_close) co_return Error(Code::kUnavailable, "the WebSocket is closed");
  const std::string_view shortened = payload.substr(0, 125);
  co_return co_await state_->write_frame(Opcode::kPing, shortened);
}

Task<> WebSocket::close(std::uint16_t code, std::string_view reason) { return state_->send_close(code, reason); }

void WebSocket::keep_alive(Milliseconds every) { state_->keep_alive = every; }

bool WebSocket::is_closed() const { return state_->has_sent_close || state_->has_ended; }

}  // namespace brig::http
