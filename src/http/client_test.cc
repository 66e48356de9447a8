#include "http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "async/task_group.h"
#include "base/buffer.h"
#include "http/connect.h"
#include "http/listen.h"
#include "http/testing/rig.h"

namespace brig::http {
namespace {

using ::testing::HasSubstr;
using namespace testing;

Task<> serve_all(Exchange& exchange) {
  const std::string& path = exchange.target().path;
  if (path == "/events") {
    CO_TRY_VOID(co_await exchange.start_events());
    for (const char* text : {"one", "two\nlines"}) CO_TRY_VOID(co_await exchange.event({.name = "n", .data = text}));
    co_return co_await exchange.finish();
  }
  if (path == "/ws") {
    CO_TRY(auto socket, co_await exchange.accept_websocket());
    CO_TRY(const Message message, co_await socket->read(1000));
    CO_TRY_VOID(co_await socket->write_text("you said " + message.bytes));
    co_return co_await socket->close();
  }
  if (path == "/cut") {
    CO_TRY_VOID(co_await exchange.start(200, {}, 10));
    CO_TRY_VOID(co_await exchange.write("half"));
    co_return Error(Code::kUnavailable, "cut");
  }
  if (path == "/slow") CO_TRY_VOID(co_await sleep(std::chrono::hours(1)));
  if (path == "/count") {
    CO_TRY_VOID(co_await exchange.start(200, {}));
    Buffer buffer(65536);
    std::size_t total = 0;
    while (true) {
      CO_TRY(const std::size_t count, co_await exchange.read_some(buffer.bytes()));
      if (count == 0) break;
      total += count;
    }
    CO_TRY_VOID(co_await exchange.write("counted " + std::to_string(total)));
    co_return co_await exchange.finish();
  }
  if (path == "/early") co_return co_await exchange.send(413, {}, "too much");
  CO_TRY(const std::string body, co_await exchange.read_body(10'000'000));
  co_return co_await exchange.send(200, {{"X-Path", exchange.target().text()}},
                                   exchange.method() + " " + std::to_string(body.size()));
}

/// A listening server and a client of it.
class Service {
 public:
  explicit Service(std::string where = "127.0.0.1:0", std::shared_ptr<TlsContext> tls = nullptr) : rig(serve_all) {
    auto socket = *listen_on(*parse_endpoint(where));
    const Endpoint endpoint = *endpoint_of(socket.ref());
    if (!rig.server->listen(std::move(socket), tls).has_value()) std::abort();
    url = endpoint.is_unix ? format(endpoint)
                           : (tls ? "https://localhost:" : "http://localhost:") + std::to_string(endpoint.port);
  }
  std::unique_ptr<Client> client(ClientOptions options = {}, std::string_view prefix = "") {
    return std::make_unique<Client>(rig.io.get_executor(), *parse_server_url(url + std::string(prefix)), options);
  }
  Result<std::unique_ptr<Response>> send(Client& client, Request request) {
    return run(rig.io, with_timeout(kPatience, client.send(std::move(request)), "send"));
  }
  Result<std::string> body(Response& response) {
    return run(rig.io, with_timeout(kPatience, response.read_body(), "read"));
  }
  Rig rig;
  std::string url;
};

TEST(Client, AsksAgainOnOneConnection) {
  Service service;
  auto client = service.client({}, "/api/");
  for (int i = 0; i < 3; ++i) {
    auto response = *service.send(*client, {.method = "POST", .target = "/x?y=1", .body = "12345"});
    EXPECT_EQ(response->status(), 200);
    EXPECT_EQ(response->headers().get("x-path"), "/api/x?y=1");
    EXPECT_EQ(*service.body(*response), "POST 5");
  }
  EXPECT_EQ(service.rig.server->figures().accepted, 1U);
}

TEST(Client, ConnectsToTheFirstPlaceThatAnswersAndLooksUpNoName) {
  Service service;
  Endpoint live = parse_server_url(service.url)->endpoint;
  live.host = "127.0.0.1";
  Endpoint dead = *parse_endpoint("127.0.0.1:1");
  Client client(service.rig.io.get_executor(), *parse_server_url("http://name.invalid:80"), {.at = {dead, live}});
  auto response = service.send(client, {});
  ASSERT_TRUE(response.has_value()) << response.error().message();
  EXPECT_EQ(*service.body(**response), "GET 0");
  Client nowhere(service.rig.io.get_executor(), *parse_server_url("http://name.invalid:80"), {.at = {dead}});
  EXPECT_EQ(service.send(nowhere, {}).error().code(), Code::kUnavailable);
}

TEST(Client, ConnectsAgainWhenAnAnswerWasNotRead) {
  Service service;
  auto client = service.client();
  {
    auto response = *service.send(*client, {.method = "PUT", .body = std::string(1000, 'x')});
  }
  auto response = *service.send(*client, {});
  EXPECT_EQ(*service.body(*response), "GET 0");
  EXPECT_EQ(service.rig.server->figures().accepted, 2U);
}

TEST(Client, ConnectsAgainWhenTheServerHadClosed) {
  Service service;
  auto client = service.client();
  {
    (void)service.body(**service.send(*client, {}));
  }
  auto& state = *service.rig.server;
  ASSERT_EQ(state.figures().connections, 1U);
  TaskGroup group(service.rig.io.get_executor());
  group.spawn(state.stop(Milliseconds(1)));
  service.rig.io.restart();
  service.rig.io.run();  // the kept connection is closed, and nobody listens
  const auto refused = service.send(*client, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kUnavailable);
  EXPECT_THAT(refused.error().message(), HasSubstr("connect to localhost"));
}

/// Up to so many bytes, of any value.
Task<std::size_t> give(std::size_t& left, std::span<std::byte> buffer) {
  const std::size_t count = std::min(left, buffer.size());
  left -= count;
  co_return count;
}

TEST(Client, StreamsARequest) {
  Service service;
  auto client = service.client();
  for (const bool has_length : {true, false}) {
    std::size_t left = 1'000'000;
    Request request{.method = "PUT"};
    request.source = [&left](std::span<std::byte> buffer) { return give(left, buffer); };
    if (has_length) request.length = left;
    auto response = *service.send(*client, std::move(request));
    EXPECT_EQ(*service.body(*response), "PUT 1000000");
  }
}

TEST(Client, StopsSendingWhatTheServerHasRefused) {
  Service service;
  auto client = service.client();
  constexpr std::size_t kAll = std::size_t{1} << 30;  // more than any socket buffers
  std::size_t left = kAll;
  Request request{.method = "PUT", .target = "/early", .length = kAll};
  request.source = [&left](std::span<std::byte> buffer) { return give(left, buffer); };
  {
    const auto response = service.send(*client, std::move(request));
    ASSERT_TRUE(response.has_value()) << response.error().message();
    EXPECT_EQ((*response)->status(), 413);
    EXPECT_EQ(*service.body(**response), "too much");
    EXPECT_GT(left, kAll / 2);
  }
  EXPECT_EQ(*service.body(**service.send(*client, {})), "GET 0");  // on a new connection
  EXPECT_EQ(service.rig.server->figures().accepted, 2U);
}

TEST(Client, GoesOnSendingToAServerThatAnswersMeanwhile) {
  Service service;
  auto client = service.client();
  std::size_t left = 10'000'000;
  Request request{.method = "PUT", .target = "/count", .length = left};
  request.source = [&left](std::span<std::byte> buffer) { return give(left, buffer); };
  auto response = *service.send(*client, std::move(request));
  EXPECT_EQ(left, 0U);
  EXPECT_EQ(*service.body(*response), "counted 10000000");
}

TEST(Client, ReadsEvents) {
  Service service;
  auto client = service.client();
  auto response = *service.send(*client, {.target = "/events"});
  EXPECT_EQ((*run(service.rig.io, response->read_event()))->data, "one");
  EXPECT_EQ((*run(service.rig.io, response->read_event()))->data, "two\nlines");
  EXPECT_FALSE(run(service.rig.io, response->read_event())->has_value());
}

TEST(Client, SpeaksWebSocket) {
  Service service;
  auto client = service.client();
  auto socket = *run(service.rig.io, client->websocket("/ws"));
  ASSERT_TRUE(run(service.rig.io, (*socket)->write_text("hello")).has_value());
  EXPECT_EQ(run(service.rig.io, (*socket)->read(100))->bytes, "you said hello");
  EXPECT_EQ(run(service.rig.io, (*socket)->read(100))->close_code, 1000);
  const auto refused = run(service.rig.io, client->websocket("/nothing"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message(), HasSubstr("status 200"));
}

TEST(Client, SaysWhenAnAnswerIsCut) {
  Service service;
  auto client = service.client();
  auto response = *service.send(*client, {.target = "/cut"});
  EXPECT_EQ(service.body(*response).error().code(), Code::kUnavailable);
}

TEST(Client, GivesUpOnASlowAnswer) {
  Service service;
  auto client = service.client({.answer_time = Milliseconds(5)});
  EXPECT_EQ(service.send(*client, {.target = "/slow"}).error().code(), Code::kDeadline);
}

TEST(Client, SpeaksToUnixSockets) {
  const std::string path = ::testing::TempDir() + "brig_client_" + std::to_string(::getpid()) + ".sock";
  {
    Service service("unix:" + path);
    auto client = service.client();
    EXPECT_EQ(*service.body(**service.send(*client, {})), "GET 0");
  }
  ::unlink(path.c_str());
}

TEST(Client, SpeaksOverAnyStream) {
  Rig rig(serve_all);
  Client client(rig.io.get_executor(), *Transport::adopt(rig.io.get_executor(), rig.connect_fd()), "inside:8000");
  for (int i = 0; i < 2; ++i) {
    auto response = *run(rig.io, client.send({.method = "POST", .body = "ab"}));
    EXPECT_EQ(*run(rig.io, response->read_body()), "POST 2");
  }
}

TEST(Client, RefusesRequestsThatAreNone) {
  Service service;
  auto client = service.client();
  EXPECT_EQ(service.send(*client, {.target = "/a b"}).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(service.send(*client, {.method = "G T"}).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(service.send(*client, {.headers = {{"X", "a\r\nb"}}}).error().code(), Code::kInvalidArgument);
}

TEST(ServerUrl, IsParsed) {
  EXPECT_EQ(parse_server_url("http://localhost")->endpoint.port, 80);
  EXPECT_EQ(parse_server_url("https://[::1]/a/b/")->prefix, "/a/b");
  EXPECT_EQ(parse_server_url("https://[::1]/a/b/")->endpoint.host, "::1");
  EXPECT_EQ(parse_server_url("unix:///run/x")->endpoint.path, "/run/x");
  for (const char* bad : {"", "localhost:80", "ftp://x", "http://", "http://a@b", "http://a:b", "http://a:99999"}) {
    EXPECT_FALSE(parse_server_url(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace brig::http
