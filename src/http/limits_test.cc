// Every limit of limits.h is hit here, each by a client that goes exactly too far.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "http/connect.h"
#include "http/listen.h"
#include "http/socket_address.h"
#include "http/testing/rig.h"

namespace brig::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace testing;

Task<> read_all(Exchange& exchange) {
  CO_TRY(const std::string body, co_await exchange.read_body(1000));
  co_return co_await exchange.send(200, {}, "read " + std::to_string(body.size()));
}

std::string get(std::string_view target, std::string_view headers = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n" + std::string(headers) + "\r\n";
}

TEST(Limits, HeaderBytes) {
  const std::string head = get("/", "X-A: " + std::string(200, 'a') + "\r\n");
  Rig enough(read_all, {.header_bytes = head.size()});
  EXPECT_EQ(status_of(enough.talk(head)), 200);
  Rig little(read_all, {.header_bytes = head.size() - 1});
  const std::string answer = little.talk_open(head);
  EXPECT_EQ(status_of(answer), 431);
  EXPECT_THAT(answer, HasSubstr("header_too_large"));
  // Also when it never ends.
  EXPECT_EQ(status_of(little.talk_open("GET / HTTP/1.1\r\nX: " + std::string(10'000, 'a'))), 431);
}

TEST(Limits, TargetBytes) {
  Rig rig(read_all, {.target_bytes = 100});
  EXPECT_EQ(status_of(rig.talk(get("/" + std::string(99, 'a')))), 200);
  EXPECT_EQ(status_of(rig.talk_open(get("/" + std::string(100, 'a')))), 414);
  EXPECT_EQ(status_of(rig.talk_open("GET /" + std::string(500, 'a'))), 414);  // before the line has ended
}

TEST(Limits, HeaderCount) {
  Rig rig(read_all, {.header_count = 3});
  EXPECT_EQ(status_of(rig.talk(get("/", "A: 1\r\nB: 2\r\n"))), 200);
  const std::string answer = rig.talk_open(get("/", "A: 1\r\nB: 2\r\nC: 3\r\n"));
  EXPECT_EQ(status_of(answer), 431);
  EXPECT_THAT(answer, HasSubstr("too_many_headers"));
}

TEST(Limits, HeaderTime) {
  Rig rig(read_all, {.header_time = Milliseconds(10)});
  const std::string answer = rig.talk_open("GET / HTTP/1.1\r\nHost:");
  EXPECT_EQ(status_of(answer), 408);
  EXPECT_THAT(answer, HasSubstr("header_timeout"));
}

TEST(Limits, IdleTime) {
  Rig rig(read_all, {.idle_time = Milliseconds(10)});
  EXPECT_EQ(rig.talk_open(""), "");  // closed without a word
  const std::string answer = rig.talk_open(get("/"));
  EXPECT_EQ(status_of(answer), 200);  // and kept open after an answer for no longer
  EXPECT_EQ(count_of(answer, "HTTP/1.1"), 1U);
}

TEST(Limits, BodyStall) {
  Rig rig(read_all, {.body_stall = Milliseconds(10)});
  const std::string answer = rig.talk_open("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_EQ(status_of(answer), 408);
  EXPECT_THAT(answer, HasSubstr("body_timeout"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_EQ(status_of(rig.talk_open("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")), 408);
}

TEST(Limits, BodyStallIsNoneWhereSilenceIsAllowed) {
  Rig rig(
      [](Exchange& exchange) -> Task<> {
        exchange.allow_silence();
        co_return co_await read_all(exchange);
      },
      {.body_stall = Milliseconds(5)});
  RawClient client = rig.connect();
  (void)client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  (void)run(rig.io, sleep(Milliseconds(100)));
  (void)client.send("cde");
  EXPECT_EQ(status_of(client.read_until("read 5")), 200);
  // What the handler leaves is no talk any more.
  Rig leaves(
      [](Exchange& exchange) -> Task<> {
        exchange.allow_silence();
        co_return co_await exchange.send(200, {}, "");
      },
      {.body_stall = Milliseconds(5)});
  EXPECT_EQ(status_of(leaves.talk_open("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")), 200);
}

TEST(Limits, BodyBytes) {
  Rig rig(read_all);
  const auto post = [](std::size_t size) {
    return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'b');
  };
  EXPECT_EQ(body_of(rig.talk(post(1000))), "read 1000");
  const std::string announced = rig.talk_open(post(1001));
  EXPECT_EQ(status_of(announced), 413);
  EXPECT_THAT(announced, HasSubstr("body_too_large"));
  const std::string chunked = rig.talk_open("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
                                            std::string(1001, 'b') + "\r\n0\r\n\r\n");
  EXPECT_EQ(status_of(chunked), 413);
}

Task<> answer_unread(Exchange& exchange) { co_return co_await exchange.send(200, {}, "unread"); }

TEST(Limits, DrainBytes) {
  const auto talk = [](Rig& rig, std::size_t size) {
    return rig.talk("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
                    std::string(size, 'b') + get("/next"));
  };
  Rig rig(answer_unread, {.drain_bytes = 100});
  EXPECT_EQ(count_of(talk(rig, 100), "unread"), 2U);
  EXPECT_EQ(count_of(talk(rig, 101), "unread"), 1U);
  const std::string chunked = rig.talk("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                                       std::string(101, 'b') + "\r\n0\r\n\r\n" + get("/next"));
  EXPECT_EQ(count_of(chunked, "unread"), 1U);
}

Task<> flood(Exchange& exchange) {
  CO_TRY_VOID(co_await exchange.start(200, {}));
  const std::string block(65536, 'x');
  for (int i = 0; i < 1000; ++i) CO_TRY_VOID(co_await exchange.write(block));
  co_return co_await exchange.finish();
}

TEST(Limits, WriteStall) {
  Rig rig(flood, {.write_stall = Milliseconds(10)});
  const Fd client = rig.connect_fd();
  const std::string request = get("/");
  ASSERT_EQ(::send(client.get(), request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  rig.io.restart();
  rig.io.run();  // returns, because nothing is left to do: the reader that takes nothing was cut
  EXPECT_EQ(rig.server->figures().connections, 0U);
  EXPECT_TRUE(rig.failures.empty());
  ASSERT_EQ(rig.seen.size(), 1U);
  EXPECT_LT(rig.seen[0].bytes_out, std::uint64_t{65536} * 1000);
}

Task<> be_quiet(Exchange& exchange) {
  CO_TRY_VOID(co_await exchange.start_events());
  CO_TRY_VOID(co_await sleep(Milliseconds(60)));
  CO_TRY_VOID(co_await exchange.event({.data = "after a long silence"}));
  co_return co_await exchange.finish();
}

TEST(Limits, SilenceIsNoStall) {
  Rig rig(be_quiet, {.header_time = Milliseconds(10),
                     .idle_time = Milliseconds(10),
                     .body_stall = Milliseconds(10),
                     .write_stall = Milliseconds(10)});
  EXPECT_THAT(rig.talk_open(get("/")), HasSubstr("after a long silence"));
}

TEST(Limits, Connections) {
  Rig rig(read_all, {.connections = 2});
  RawClient first = rig.connect();
  RawClient second = rig.connect();
  (void)first.send(get("/"));
  EXPECT_EQ(status_of(first.read_until("read 0")), 200);
  const std::string answer = rig.talk(get("/"));
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_THAT(answer, HasSubstr("too_many_connections"));
  EXPECT_THAT(answer, HasSubstr("Retry-After: 1"));
  EXPECT_EQ(rig.server->figures().refused_connections, 1U);
  (void)second.end();
  EXPECT_EQ(second.read_to_end(), "");
  EXPECT_EQ(status_of(rig.talk(get("/"))), 200);  // there is room again
}

TEST(Limits, ConnectionsOfOneOwner) {
  Rig rig(
      [](Exchange& exchange) -> Task<> {
        const std::string* who = exchange.header("Who");
        if (who != nullptr) CO_TRY_VOID(exchange.count_for(*who));
        co_return co_await exchange.send(200, {}, "");
      },
      {.connections_each = 2});
  const auto ask = [](RawClient& client, const std::string& who) {
    (void)client.send("GET / HTTP/1.1\r\nHost: x\r\nWho: " + who + "\r\n\r\n");
    return client.read_until("\r\n\r\n");
  };
  RawClient first = rig.connect();
  RawClient second = rig.connect();
  RawClient third = rig.connect();
  RawClient fourth = rig.connect();
  EXPECT_EQ(status_of(ask(first, "one")), 200);
  EXPECT_EQ(status_of(ask(first, "one")), 200);  // the same connection
  EXPECT_EQ(status_of(ask(second, "one")), 200);
  const std::string refused = ask(third, "one");
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_THAT(refused, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(status_of(ask(fourth, "two")), 200);
  EXPECT_EQ(status_of(ask(second, "two")), 200);  // it was one's
  RawClient fifth = rig.connect();
  EXPECT_EQ(status_of(ask(fifth, "one")), 200);
  for (RawClient* client : {&first, &third, &fifth}) client->close();
  for (int i = 0; i < 2000 && rig.server->figures().connections > 2; ++i) (void)run(rig.io, sleep(Milliseconds(1)));
  RawClient sixth = rig.connect();
  RawClient seventh = rig.connect();
  EXPECT_EQ(status_of(ask(sixth, "one")), 200);
  EXPECT_EQ(status_of(ask(seventh, "one")), 200);
}

TEST(Limits, MemoryOfOneOwner) {
  Rig rig(
      [](Exchange& exchange) -> Task<> {
        CO_TRY_VOID(exchange.count_for(exchange.headers().get("Who")));
        CO_TRY(const std::string body, co_await exchange.read_body(1 << 20));
        if (body == "stream") {
          CO_TRY_VOID(co_await exchange.start(200, {}));
          CO_TRY_VOID(co_await exchange.write(std::string(3 << 20, 'x')));
          co_return co_await exchange.finish();
        }
        co_return co_await exchange.send(200, {}, body == "long" ? std::string(3 << 20, 'x') : "read");
      },
      {.held_each = 4 << 20});
  const auto post = [](const std::string& who, std::size_t length, const std::string& body) {
    return "POST / HTTP/1.1\r\nHost: x\r\nWho: " + who + "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n" +
           body;
  };
  const std::string half(600'000, 'a');
  std::vector<RawClient> slow;
  for (int i = 0; i < 6; ++i) {
    slow.push_back(rig.connect());
    (void)slow.back().send(post("one", 1'000'000, half));
  }
  for (int i = 0; i < 10; ++i) (void)run(rig.io, sleep(Milliseconds(2)));  // what they have sent is read
  const std::string more(700'000, 'a');
  RawClient next = rig.connect();
  (void)next.send(post("one", more.size(), more));
  const std::string refused = next.read_to_end();
  EXPECT_EQ(status_of(refused), 429);
  EXPECT_THAT(refused, HasSubstr("too_much_at_once"));
  EXPECT_EQ(status_of(rig.talk(post("two", half.size(), half))), 200);
  EXPECT_EQ(status_of(rig.talk(post("one", 4, "long"))), 429);
  EXPECT_EQ(status_of(rig.talk(post("two", 4, "long"))), 200);
  EXPECT_THAT(rig.talk(post("one", 6, "stream")), Not(HasSubstr("0\r\n\r\n")));
  EXPECT_THAT(rig.talk(post("two", 6, "stream")), HasSubstr("0\r\n\r\n"));
  slow.clear();
  for (int i = 0; i < 2000 && rig.server->figures().connections > 0; ++i) (void)run(rig.io, sleep(Milliseconds(1)));
  EXPECT_EQ(status_of(rig.talk(post("one", 4, "long"))), 200);  // nothing of it stayed counted
}

TEST(Limits, RefusedConnectionsAreBoundedToo) {
  Rig rig(read_all, {.connections = 1});
  std::vector<Fd> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(rig.connect_fd());
  rig.io.restart();
  rig.io.poll();
  EXPECT_EQ(rig.server->figures().connections, 65U);
  EXPECT_EQ(rig.server->figures().refused_connections, 99U);
}

TEST(Limits, Linger) {
  Rig rig(answer_unread, {.linger = Milliseconds(10)});
  RawClient client = rig.connect();
  (void)client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(status_of(client.read_to_end()), 200);
  rig.io.restart();
  rig.io.run();  // returns, though the client never closes
  EXPECT_EQ(rig.server->figures().connections, 0U);
}

TEST(Limits, OutOfDescriptors) {
#if defined(__has_feature) && __has_feature(address_sanitizer)
  GTEST_SKIP() << "the sanitizer's check of types opens descriptors itself and takes having none for an error";
#endif
  Rig rig(answer_unread);
  auto socket = *listen_on(*parse_endpoint("127.0.0.1:0"));
  const Endpoint where = *endpoint_of(socket.ref());
  ASSERT_TRUE(rig.server->listen(std::move(socket)).has_value());
  Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));  // connected by the kernel: waits in the queue
  const auto address = *socket_address(where);
  ASSERT_EQ(::connect(client.get(), address.get(), address.size), 0);
  rlimit kept{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &kept), 0);
  const int next = ::dup(client.get());  // the lowest number that is free
  ASSERT_EQ(::close(next), 0);
  // Everything above is out of reach, and what is below is in use.
  const rlimit tight{.rlim_cur = static_cast<rlim_t>(next), .rlim_max = kept.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  rig.io.restart();
  while (rig.server->figures().accept_failures == 0 && rig.io.run_one() > 0) {
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &kept), 0);
  EXPECT_THAT(rig.troubles.at(0), HasSubstr("accept a connection"));
  RawClient dropped(rig.io, std::move(client));
  EXPECT_EQ(dropped.read_to_end(), "");  // told so, instead of waiting for ever
  RawClient later(rig.io, *run(rig.io, connect_to(where)));
  (void)later.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(status_of(later.read_to_end()), 200);  // and it goes on by itself
}

}  // namespace
}  // namespace brig::http
