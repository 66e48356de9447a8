#include "http/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "async/task_group.h"
#include "http/client.h"
#include "http/testing/rig.h"
#include "http/websocket_frame.h"
#include "http/websocket_handshake.h"

namespace brig::http {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace testing;

constexpr std::string_view kHandshake =
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

Task<> echo_messages(Exchange& exchange) {
  CO_TRY(auto socket, co_await exchange.accept_websocket());
  while (true) {
    CO_TRY(const Message message, co_await socket->read(100'000));
    if (message.kind == Message::Kind::kClose) co_return Result<>();
    if (message.kind == Message::Kind::kText) CO_TRY_VOID(co_await socket->write_text(message.bytes));
    if (message.kind == Message::Kind::kBinary) CO_TRY_VOID(co_await socket->write_binary(message.bytes));
  }
}

/// A client's frame.
std::string frame(Opcode opcode, std::string payload, bool is_final = true) {
  const Mask mask{0x11, 0x22, 0x33, 0x44};
  std::string text = format_frame_head(opcode, payload.size(), mask);
  if (!is_final) text[0] = static_cast<char>(text[0] & 0x7f);
  apply_mask(payload, mask, 0);
  return text + payload;
}
/// A server's frame, as it is expected.
std::string plain(Opcode opcode, std::string_view payload) {
  return format_frame_head(opcode, payload.size(), std::nullopt).append(payload);
}
std::string close_with(unsigned code) { return {static_cast<char>(code >> 8U), static_cast<char>(code & 0xffU)}; }

/// What comes back after the handshake for these frames, up to the end.
std::string answer_to(const std::string& frames) {
  Rig rig(echo_messages);
  return body_of(rig.talk(std::string(kHandshake) + frames));
}

TEST(WebSocket, ShakesHands) {
  Rig rig(echo_messages);
  const std::string answer = rig.talk(kHandshake);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(answer, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));  // RFC 6455, 1.3
}

TEST(WebSocket, RefusesOtherHandshakes) {
  const auto with = [](std::string_view what, std::string_view instead) {
    std::string text(kHandshake);
    return text.replace(text.find(what), what.size(), instead);
  };
  for (const auto& [request, status, code] : std::vector<std::tuple<std::string, int, std::string>>{
           {"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", 426, "websocket_expected"},
           {with("GET", "POST"), 426, "websocket_expected"},
           {with("13\r\n", "8\r\n"), 426, "websocket_version"},
           {with("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400, "websocket_key"},
           {with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j*Q=="), 400, "websocket_key"},
           {with("Host: x\r\n", "Host: x\r\nContent-Length: 1\r\n"), 400, "websocket_body"},
       }) {
    Rig rig(echo_messages);
    const std::string answer = rig.talk(request);
    EXPECT_EQ(status_of(answer), status) << request;
    EXPECT_THAT(answer, HasSubstr(code));
    if (status == 426) EXPECT_THAT(answer, HasSubstr("Sec-WebSocket-Version: 13\r\n"));
  }
}

TEST(WebSocket, EchoesTextBinaryAndPieces) {
  EXPECT_EQ(answer_to(frame(Opcode::kText, "hällo")), plain(Opcode::kText, "hällo"));
  EXPECT_EQ(answer_to(frame(Opcode::kBinary, "\xff")), plain(Opcode::kBinary, "\xff"));
  EXPECT_EQ(answer_to(frame(Opcode::kText, "")), plain(Opcode::kText, ""));
  for (const std::size_t size : {125U, 126U, 65535U, 65536U}) {
    const std::string big(size, 'b');
    EXPECT_EQ(answer_to(frame(Opcode::kBinary, big)), plain(Opcode::kBinary, big)) << size;
  }
  EXPECT_EQ(answer_to(frame(Opcode::kText, "a", false) + frame(Opcode::kContinuation, "b", false) +
                      frame(Opcode::kPing, "p") + frame(Opcode::kContinuation, "c")),
            plain(Opcode::kPong, "p") + plain(Opcode::kText, "abc"));
}

TEST(WebSocket, AnswersAClose) {
  const std::string goodbye = close_with(1000) + "bye";
  EXPECT_EQ(answer_to(frame(Opcode::kClose, goodbye) + frame(Opcode::kText, "never")),
            plain(Opcode::kClose, close_with(1000)));
  EXPECT_EQ(answer_to(frame(Opcode::kClose, "")), plain(Opcode::kClose, ""));
}

TEST(WebSocket, RefusesBrokenFrames) {
  const auto bare = [](std::initializer_list<unsigned> bytes) {
    std::string text;
    for (const unsigned byte : bytes) text.push_back(static_cast<char>(byte));
    return text;
  };
  for (const auto& [what, frames, code] : std::vector<std::tuple<std::string, std::string, unsigned>>{
           {"no mask", plain(Opcode::kText, "a"), 1002},
           {"reserved bits", bare({0xc1, 0x80, 0, 0, 0, 0}), 1002},
           {"an unknown opcode", bare({0x83, 0x80, 0, 0, 0, 0}), 1002},
           {"a control frame in pieces", frame(Opcode::kPing, "", false), 1002},
           {"a long control frame", frame(Opcode::kPing, std::string(126, 'p')), 1002},
           {"a length that is not the shortest", bare({0x82, 0xfe, 0, 5, 0, 0, 0, 0}), 1002},
           {"a length beyond numbers", bare({0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), 1002},
           {"nothing to continue", frame(Opcode::kContinuation, "a"), 1002},
           {"a message inside another", frame(Opcode::kText, "a", false) + frame(Opcode::kText, "b"), 1002},
           {"half a close code", frame(Opcode::kClose, "a"), 1002},
           {"a close code that may not be", frame(Opcode::kClose, close_with(1005)), 1002},
           {"text that is none", frame(Opcode::kText, "\xff"), 1007},
           {"too much", frame(Opcode::kBinary, std::string(100'001, 'b')), 1009},
           {"too much in pieces",
            frame(Opcode::kBinary, std::string(60'000, 'b'), false) +
                frame(Opcode::kContinuation, std::string(40'001, 'b')),
            1009},
       }) {
    const std::string answer = answer_to(frames);
    ASSERT_GE(answer.size(), 4U) << what;
    EXPECT_EQ(static_cast<unsigned char>(answer[0]), 0x88U) << what;
    EXPECT_EQ(answer.substr(2, 2), close_with(code)) << what;
  }
}

/// Both ends of ours, over a pair of sockets.
struct Pair {
  explicit Pair(asio::io_context& io) {
    auto fds = *sys::stream_pair();
    near_stream = *Transport::adopt(io.get_executor(), std::move(fds.first));
    far_stream = *Transport::adopt(io.get_executor(), std::move(fds.second));
    near = std::make_unique<WebSocket>(*near_stream, WebSocket::Role::kClient);
    far = std::make_unique<WebSocket>(*far_stream, WebSocket::Role::kServer);
  }
  std::unique_ptr<Transport> near_stream;
  std::unique_ptr<Transport> far_stream;
  std::unique_ptr<WebSocket> near;
  std::unique_ptr<WebSocket> far;
};

TEST(WebSocket, GoesOnAfterACancelledRead) {
  asio::io_context io;
  Pair pair(io);
  const std::string half = frame(Opcode::kText, "in two halves");
  ASSERT_TRUE(run(io, pair.near_stream->write_all(std::string_view(half).substr(0, 9))).has_value());
  for (int i = 0; i < 3; ++i) {
    const auto read = run(io, with_timeout(Milliseconds(2), pair.far->read(100), "read"));
    ASSERT_EQ(read.error().code(), Code::kDeadline);
  }
  ASSERT_TRUE(run(io, pair.near_stream->write_all(std::string_view(half).substr(9))).has_value());
  const auto message = run(io, pair.far->read(100));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->bytes, "in two halves");
}

TEST(WebSocket, PingsASilentPeerAndGivesUpOnADeadOne) {
  asio::io_context io;
  Pair pair(io);
  pair.far->keep_alive(Milliseconds(2));
  const auto read = run(io, with_timeout(kPatience, pair.far->read(100), "read"));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), Code::kDeadline);
  std::array<std::byte, 100> buffer;
  const auto count = run(io, pair.near_stream->read_some(buffer));
  EXPECT_EQ(*count, 2 * plain(Opcode::kPing, "").size());
}

TEST(WebSocket, ClosesFromEitherEnd) {
  using namespace asio::experimental::awaitable_operators;
  asio::io_context io;
  Pair pair(io);
  ASSERT_TRUE(run(io, pair.far->close(4001, "done")).has_value());
  EXPECT_TRUE(pair.far->is_closed());
  EXPECT_EQ(run(io, pair.far->write_text("late")).error().code(), Code::kUnavailable);
  const auto goodbye = run(io, pair.near->read(100));
  ASSERT_TRUE(goodbye.has_value());
  EXPECT_EQ(goodbye->kind, Message::Kind::kClose);
  EXPECT_EQ(goodbye->close_code, 4001);
  EXPECT_EQ(goodbye->bytes, "done");
  EXPECT_EQ(run(io, pair.far->read(100))->close_code, 4001);  // the answer
  EXPECT_EQ(run(io, pair.near->read(100)).error().code(), Code::kUnavailable);
}

TEST(WebSocket, SaysWhenThePeerVanishes) {
  asio::io_context io;
  Pair pair(io);
  pair.near_stream->close();
  EXPECT_EQ(run(io, pair.far->read(100)).error().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace brig::http
