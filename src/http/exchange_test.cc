// What a handler can do: stream both ways, send events, learn that the client is gone, take the connection over.
#include "http/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "async/task_group.h"
#include "base/buffer.h"
#include "http/chunked.h"
#include "http/connect.h"
#include "http/listen.h"
#include "http/testing/rig.h"

namespace brig::http {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace testing;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Sends back what comes, piece by piece.
Task<> stream_back(Exchange& exchange) {
  CO_TRY_VOID(co_await exchange.start(200, {}, exchange.content_length()));
  Buffer buffer(1000);
  while (true) {
    CO_TRY(const std::size_t count, co_await exchange.read_some(buffer.bytes()));
    if (count == 0) break;
    CO_TRY_VOID(co_await exchange.write(text_of(buffer.bytes().first(count))));
  }
  co_return co_await exchange.finish();
}

/// The data of a chunked body.
std::string unchunked(std::string_view text) {
  ChunkDecoder decoder;
  std::string data(text.size(), '\0');
  const auto step = decoder.decode(text, std::as_writable_bytes(std::span(data)));
  EXPECT_TRUE(step.has_value() && decoder.is_done());
  data.resize(step->produced);
  return data;
}

TEST(Exchange, StreamsChunksBothWays) {
  Rig rig(stream_back);
  const std::string answer = rig.talk(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;name=\"value\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(unchunked(body_of(answer)), "abc0123456789");
  EXPECT_EQ(rig.seen.at(0).bytes_in, 13U);
  EXPECT_EQ(rig.seen.at(0).bytes_out, 13U);
}

TEST(Exchange, StreamsChunksThatArriveByteByByte) {
  Rig rig(stream_back);
  RawClient client = rig.connect();
  const std::string request =
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n";
  for (const char c : request) {
    (void)client.send(std::string_view(&c, 1));
    rig.io.restart();
    rig.io.poll();
  }
  EXPECT_EQ(unchunked(body_of(client.read_until("0\r\n\r\n"))), "abcdefg");
}

TEST(Exchange, StreamsAKnownLengthWithoutChunks) {
  Rig rig(stream_back);
  const std::string body(100'000, 'z');
  const std::string answer = rig.talk("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + body);
  EXPECT_THAT(answer, HasSubstr("Content-Length: 100000\r\n"));
  EXPECT_EQ(body_of(answer), body);
}

TEST(Exchange, StreamsToHttp10UntilItCloses) {
  Rig rig([](Exchange& exchange) -> Task<> {
    CO_TRY_VOID(co_await exchange.start(200, {}));
    CO_TRY_VOID(co_await exchange.write("all there is"));
    co_return co_await exchange.finish();
  });
  const std::string answer = rig.talk_open("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(answer, Not(HasSubstr("Transfer-Encoding")));
  EXPECT_EQ(body_of(answer), "all there is");
}

TEST(Exchange, SendsNoBodyWhereThereIsNone) {
  Rig rig([](Exchange& exchange) -> Task<> {
    if (exchange.method() != "HEAD") co_return co_await exchange.send(204, {}, "");
    CO_TRY_VOID(co_await exchange.start(200, {}, 7));
    CO_TRY_VOID(co_await exchange.write("ignored"));
    co_return co_await exchange.finish();
  });
  const std::string deleted = rig.talk("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(deleted), 204);
  EXPECT_THAT(deleted, Not(HasSubstr("Content-Length")));
  const std::string head = rig.talk("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 7\r\n"));
  EXPECT_EQ(body_of(head), "");
}

TEST(Exchange, SendsEvents) {
  Rig rig([](Exchange& exchange) -> Task<> {
    CO_TRY_VOID(co_await exchange.start_events());
    CO_TRY_VOID(co_await exchange.event({.name = "stdout", .data = "a\nb", .id = "7"}));
    CO_TRY_VOID(co_await exchange.comment("still here"));
    co_return co_await exchange.finish();
  });
  const std::string answer = rig.talk("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_EQ(unchunked(body_of(answer)), "id: 7\nevent: stdout\ndata: a\ndata: b\n\n: still here\n\n");
}

Task<> write_many(Exchange& exchange, std::string line) {
  for (int i = 0; i < 200; ++i) CO_TRY_VOID(co_await exchange.event({.data = line}));
  co_return Result<>();
}

TEST(Exchange, KeepsEventsOfTwoWritersApart) {
  using namespace asio::experimental::awaitable_operators;
  Rig rig([](Exchange& exchange) -> Task<> {
    CO_TRY_VOID(co_await exchange.start_events());
    co_await (write_many(exchange, std::string(5000, 'a')) && write_many(exchange, std::string(5000, 'b')));
    co_return co_await exchange.finish();
  });
  EventParser parser;
  ASSERT_TRUE(parser.feed(unchunked(body_of(rig.talk("GET / HTTP/1.1\r\nHost: x\r\n\r\n")))).has_value());
  int count = 0;
  while (const auto event = parser.next()) {
    ++count;
    EXPECT_EQ(event->data, std::string(5000, event->data.at(0)));
  }
  EXPECT_EQ(count, 400);
}

/// Waits for the client to go while it waits for something that never comes.
struct Waiting {
  Task<> handle(Exchange& exchange) {
    using namespace asio::experimental::awaitable_operators;
    if (exchange.target().path == "/next") co_return co_await exchange.send(200, {}, "next");
    auto winner = co_await (sleep(wait) || exchange.gone());
    is_gone = winner.index() == 1;
    co_return co_await exchange.send(200, {}, "waited");
  }
  Milliseconds wait = std::chrono::hours(1);
  bool is_gone = false;
};

/// Ends without a word, before or in the middle of its answer, because nobody is there any more.
Task<> give_up_when_gone(Exchange& exchange) {
  if (exchange.target().path == "/begun") CO_TRY_VOID(co_await exchange.start_events());
  co_return co_await exchange.gone();
}

TEST(Exchange, WhoeverAnswersNobodyHasNotFailed) {
  for (const std::string path : {"/", "/begun"}) {
    Rig rig(give_up_when_gone);
    RawClient client = rig.connect();
    (void)client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
    rig.io.restart();
    rig.io.poll();
    client.close();
    rig.io.restart();
    rig.io.run();
    EXPECT_EQ(rig.server->figures().connections, 0U);
    EXPECT_TRUE(rig.failures.empty()) << path << ": " << rig.failures.front();
    ASSERT_EQ(rig.seen.size(), 1U);
    EXPECT_EQ(rig.seen.front().status, path == "/" ? 0 : 200);
  }
}

TEST(Exchange, LearnsThatTheClientClosed) {
  Waiting waiting;
  Rig rig([&](Exchange& exchange) { return waiting.handle(exchange); });
  RawClient client = rig.connect();
  (void)client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  rig.io.restart();
  rig.io.poll();
  EXPECT_FALSE(waiting.is_gone);
  client.close();
  rig.io.restart();
  rig.io.run();
  EXPECT_TRUE(waiting.is_gone);
  EXPECT_EQ(rig.server->figures().connections, 0U);
  EXPECT_TRUE(rig.failures.empty());
}

TEST(Exchange, LearnsItOverTcp) {
  Waiting waiting;
  Rig rig([&](Exchange& exchange) { return waiting.handle(exchange); });
  auto socket = *listen_on(*parse_endpoint("127.0.0.1:0"));
  const Endpoint where = *endpoint_of(socket.ref());
  ASSERT_TRUE(rig.server->listen(std::move(socket)).has_value());
  RawClient client(rig.io, *run(rig.io, connect_to(where)));
  (void)client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  while (rig.server->figures().requests == 0) rig.io.run_one();
  client.close();
  while (!waiting.is_gone && rig.io.run_one() > 0) {
  }
  EXPECT_TRUE(waiting.is_gone);
}

TEST(Exchange, AnswersAClientThatOnlyEndedItsDirection) {
  Waiting waiting{.wait = Milliseconds(20)};
  Rig rig([&](Exchange& exchange) { return waiting.handle(exchange); });
  EXPECT_EQ(body_of(rig.talk("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), "waited");
  EXPECT_FALSE(waiting.is_gone);
}

TEST(Exchange, KeepsWhatWasPipelinedWhileItWaits) {
  Waiting waiting{.wait = Milliseconds(5)};
  Rig rig([&](Exchange& exchange) { return waiting.handle(exchange); });
  const std::string answer = rig.talk("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, EndsWith("next"));
  EXPECT_EQ(count_of(answer, "HTTP/1.1 200"), 2U);
}

TEST(Exchange, LearnsItWithAFullInboxToo) {
  Waiting waiting;
  Rig rig([&](Exchange& exchange) { return waiting.handle(exchange); }, {.header_bytes = 1000});
  RawClient client = rig.connect();
  (void)client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(5000, 'G'));
  rig.io.restart();
  rig.io.poll();
  EXPECT_FALSE(waiting.is_gone);
  client.close();
  rig.io.restart();
  rig.io.run();
  EXPECT_TRUE(waiting.is_gone);
}

TEST(Exchange, TakesTheConnectionOver) {
  Rig rig([](Exchange& exchange) -> Task<> {
    Stream& stream = exchange.take_over();
    CO_TRY_VOID(co_await stream.write_all("HTTP/1.1 101 Switching Protocols\r\n\r\n" + exchange.target().text()));
    std::array<std::byte, 7> buffer;  // smaller than what was sent along with the head
    while (true) {
      CO_TRY(const std::size_t count, co_await stream.read_some(buffer));
      if (count == 0) break;
      CO_TRY_VOID(co_await stream.write_all(text_of(std::span(buffer).first(count))));
    }
    CO_TRY_VOID(co_await stream.write_all("!"));
    co_return co_await stream.shutdown_send();
  });
  RawClient client = rig.connect();
  (void)client.send("GET /up?x HTTP/1.1\r\nHost: x\r\nUpgrade: anything\r\n\r\nfirst bytes");
  EXPECT_THAT(client.read_until("first bytes"), HasSubstr("\r\n\r\n/up?xfirst bytes"));
  (void)client.send("GET / HTTP/1.1\r\n\r\n");  // only bytes now
  EXPECT_EQ(client.read_until("\r\n\r\n"), "GET / HTTP/1.1\r\n\r\n");
  (void)client.end();
  EXPECT_EQ(client.read_to_end(), "!");
}

Task<> tunnel_to(Exchange& exchange, std::unique_ptr<Stream>& other) {
  co_return co_await tunnel(exchange.take_over(), *other);
}

TEST(Exchange, TunnelsToAnotherStream) {
  auto pair = *sys::stream_pair();
  std::unique_ptr<Stream> other;
  Rig rig([&](Exchange& exchange) { return tunnel_to(exchange, other); });
  other = *Transport::adopt(rig.io.get_executor(), std::move(pair.first));
  RawClient client = rig.connect();
  RawClient server(rig.io, std::move(pair.second));
  (void)client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nping");
  EXPECT_EQ(server.read_until("ping"), "ping");
  (void)server.send("pong");
  EXPECT_EQ(client.read_until("pong"), "pong");
  (void)server.end();
  EXPECT_EQ(client.read_to_end(), "");
  (void)client.send("more");  // the other direction is still open
  (void)client.end();
  EXPECT_EQ(server.read_to_end(), "more");
}

TEST(Exchange, KnowsHostAndPeer) {
  std::string host;
  std::string authority;
  Peer peer;
  Rig rig([&](Exchange& exchange) {
    host = exchange.host();
    authority = exchange.authority();
    peer = exchange.peer();
    return exchange.send(200, {}, "");
  });
  (void)rig.talk("GET / HTTP/1.1\r\nHost: 8000-Abc.Sbx.localhost:2744\r\n\r\n");
  EXPECT_EQ(host, "8000-abc.sbx.localhost");
  EXPECT_EQ(authority, "8000-Abc.Sbx.localhost:2744");
  EXPECT_TRUE(peer.is_unix);
  EXPECT_THAT(peer.address, HasSubstr("unix:uid="));
  (void)rig.talk("GET http://[::1]:80/x HTTP/1.1\r\nHost: other\r\n\r\n");
  EXPECT_EQ(host, "[::1]");
}

}  // namespace
}  // namespace brig::http
