#include "http/bridge.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/testing/rig.h"
#include "http/websocket_frame.h"

namespace brig::http {
namespace {

using namespace testing;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr std::string_view kHandshake =
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

std::string frame(Opcode opcode, std::string payload) {
  const Mask mask{1, 2, 3, 4};
  const std::string head = format_frame_head(opcode, payload.size(), mask);
  apply_mask(payload, mask, 0);
  return head + payload;
}

/// A server whose WebSocket is joined to one end of a socket pair; the other end is `far_`.
class BridgeTest : public ::testing::Test {
 protected:
  BridgeTest() {
    auto pair = *sys::stream_pair();
    near_ = std::move(pair.first);
    far_ = std::move(pair.second);
  }
  Task<> serve(Exchange& exchange) {
    CO_TRY(auto stream, StreamSocket::adopt(co_await asio::this_coro::executor, std::move(near_)));
    CO_TRY(const auto socket, co_await exchange.accept_websocket());
    auto end = co_await bridge(*socket, stream);
    ended_ = std::move(end);
    co_return Result<>();
  }
  std::string talk(const std::string& frames) {
    Rig rig([this](Exchange& exchange) { return serve(exchange); });
    return rig.talk(std::string(kHandshake) + frames);
  }
  std::string far_side() {
    std::string text(1 << 20, 0);
    const ssize_t count = ::recv(far_.get(), text.data(), text.size(), MSG_DONTWAIT);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }
  Fd near_;
  Fd far_;
  std::optional<Result<BridgeEnd>> ended_;
};

TEST_F(BridgeTest, CarriesBytesToTheStreamWhateverTheirFrames) {
  const std::string bytes("a\0b\xff", 4);
  talk(frame(Opcode::kBinary, bytes) + frame(Opcode::kBinary, "") + frame(Opcode::kBinary, "more") +
       frame(Opcode::kClose, ""));
  EXPECT_EQ(far_side(), bytes + "more");
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(**ended_, BridgeEnd::kWebSocket);
}

TEST_F(BridgeTest, CarriesWhatTheStreamSaidBeforeItEnded) {
  ASSERT_EQ(::write(far_.get(), "hello", 5), 5);
  ASSERT_EQ(::shutdown(far_.get(), SHUT_WR), 0);
  const std::string answer = talk("");
  EXPECT_THAT(answer, HasSubstr(format_frame_head(Opcode::kBinary, 5, std::nullopt) + "hello"));
  EXPECT_THAT(answer, EndsWith(format_frame_head(Opcode::kClose, 2, std::nullopt) + "\x03\xe8"));
  ASSERT_TRUE(ended_.has_value());
  EXPECT_EQ(**ended_, BridgeEnd::kStream);
}

TEST_F(BridgeTest, ATextIsNoBytes) {
  talk(frame(Opcode::kText, "hello"));
  ASSERT_TRUE(ended_.has_value());
  ASSERT_FALSE(ended_->has_value());
  EXPECT_EQ(ended_->error().code(), Code::kInvalidArgument);
  EXPECT_EQ(far_side(), "");
}

TEST_F(BridgeTest, AMessageHasABound) {
  talk(frame(Opcode::kBinary, std::string(kBridgeMessageMax + 1, 'x')));
  ASSERT_TRUE(ended_.has_value());
  ASSERT_FALSE(ended_->has_value());
  EXPECT_EQ(ended_->error().code(), Code::kExhausted);
}

}  // namespace
}  // namespace brig::http
