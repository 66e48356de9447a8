// How a server treats a connection from its first byte to its last.
#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "async/task_group.h"
#include "http/connect.h"
#include "http/listen.h"
#include "http/testing/rig.h"

namespace brig::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace testing;

/// Answers with what it saw: method, path, and the body.
Task<> echo(Exchange& exchange) {
  CO_TRY(const std::string body, co_await exchange.read_body(100'000));
  co_return co_await exchange.send(200, {{"Content-Type", "text/plain"}},
                                   exchange.method() + " " + exchange.target().path + " " + body);
}

TEST(Server, AnswersAndClosesAfterAHalfClosedClient) {
  Rig rig(echo);
  const std::string answer = rig.talk("GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 7\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nDate: "));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Request-Id: "));
  EXPECT_THAT(answer, Not(HasSubstr("Connection: close")));
  EXPECT_EQ(body_of(answer), "GET /a ");
  ASSERT_EQ(rig.seen.size(), 1U);
  EXPECT_EQ(rig.seen[0].status, 200);
  EXPECT_EQ(rig.seen[0].bytes_out, 7U);
}

TEST(Server, KeepsAConnectionForManyRequests) {
  Rig rig(echo);
  RawClient client = rig.connect();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send("POST /n HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi").has_value());
    EXPECT_EQ(body_of(client.read_until("/n hi")), "POST /n hi");
  }
  EXPECT_EQ(rig.server->figures().accepted, 1U);
  EXPECT_EQ(rig.server->figures().requests, 3U);
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  Rig rig(echo);
  const std::string answer = rig.talk(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
      "\r\nGET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(count_of(answer, "HTTP/1.1 200 OK"), 3U);
  EXPECT_LT(answer.find("GET /1"), answer.find("POST /2 abc"));
  EXPECT_LT(answer.find("POST /2 abc"), answer.find("GET /3"));
  EXPECT_EQ(count_of(answer, "Connection: close"), 1U);
}

TEST(Server, SpeaksHttp10) {
  Rig rig(echo);
  const std::string answer = rig.talk_open("GET /old HTTP/1.0\r\n\r\n");
  EXPECT_EQ(body_of(answer), "GET /old ");
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  RawClient kept = rig.connect();
  for (int i = 0; i < 2; ++i) {
    (void)kept.send("GET /kept HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    EXPECT_THAT(kept.read_until("/kept "), HasSubstr("Connection: keep-alive"));
  }
}

TEST(Server, AnswersHeadWithoutABody) {
  Rig rig(echo);
  const std::string answer = rig.talk("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\nGET /g HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(body_of(answer), StartsWith("HTTP/1.1 200 OK"));  // the next answer follows at once
  EXPECT_THAT(answer, HasSubstr("GET /g "));
}

TEST(Server, SaysContinueWhenTheHandlerReads) {
  Rig rig(echo);
  RawClient client = rig.connect();
  (void)client.send("PUT /c HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  (void)client.send("abc");
  EXPECT_EQ(body_of(client.read_until("/c abc")), "PUT /c abc");
}

Task<> refuse_unread(Exchange& exchange) { co_return co_await exchange.send_json(401, "{}"); }

TEST(Server, ClosesWhenItAnsweredInsteadOfSayingContinue) {
  Rig rig(refuse_unread);
  const std::string answer =
      rig.talk_open("PUT /c HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(status_of(answer), 401);
  EXPECT_THAT(answer, Not(HasSubstr("100 Continue")));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
}

TEST(Server, DropsABodyThatNobodyRead) {
  Rig rig(refuse_unread);
  const std::string answer = rig.talk("POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nGET /" +
                                      std::string("POST /2 HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(count_of(answer, "HTTP/1.1 401"), 2U);
  EXPECT_EQ(rig.seen.back().path, "/2");
}

TEST(Server, TakesAnIdThatIsSaneAndMakesOneOtherwise) {
  Rig rig(echo);
  EXPECT_THAT(rig.talk("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: ab-1\r\n\r\n"), HasSubstr("X-Request-Id: ab-1\r\n"));
  for (const std::string& bad : {std::string("a b"), std::string("a\"b"), std::string(65, 'x'), std::string()}) {
    const std::string answer = rig.talk("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + bad + "\r\n\r\n");
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_THAT(answer, Not(HasSubstr("X-Request-Id: " + bad + "\r\n")));
  }
}

Task<> break_promises(Exchange& exchange) {
  const std::string& path = exchange.target().path;
  if (path == "/not-found") co_return Error(Code::kNotFound, "there is no such thing");
  if (path == "/error") co_return Error(Code::kInternal, "broken");
  if (path == "/throw") (void)std::string("x").at(7);
  if (path == "/half") {
    CO_TRY_VOID(co_await exchange.start(200, {}));
    CO_TRY_VOID(co_await exchange.write("half"));
    co_return Error(Code::kInternal, "broken in the middle");
  }
  if (path == "/short") {
    CO_TRY_VOID(co_await exchange.start(200, {}, 10));
    CO_TRY_VOID(co_await exchange.write("half"));
    co_return co_await exchange.finish();
  }
  if (path == "/header") co_return co_await exchange.send(200, {{"X-A", "b\r\nX-C: d"}}, "");
  if (path == "/twice") {
    CO_TRY_VOID(co_await exchange.send(200, {}, "once"));
    co_return co_await exchange.send(200, {}, "twice");
  }
  co_return Result<>();
}

struct Broken {
  const char* path;
  int status;
  const char* failure;  ///< "" = none is reported
};

TEST(Server, TurnsWhatAHandlerDoesWrongIntoAnAnswer) {
  for (const Broken& broken :
       {Broken{"/not-found", 404, ""}, Broken{"/error", 500, "broken"}, Broken{"/throw", 500, "the handler threw"},
        Broken{"/nothing", 500, "no answer"}, Broken{"/header", 500, "may not be sent"}}) {
    Rig rig(break_promises);
    const std::string answer =
        rig.talk("GET " + std::string(broken.path) + " HTTP/1.1\r\nHost: x\r\nX-Request-Id: id7\r\n\r\n");
    EXPECT_EQ(status_of(answer), broken.status) << broken.path;
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/json"));
    EXPECT_THAT(body_of(answer), HasSubstr("\"request_id\":\"id7\""));
    EXPECT_EQ(rig.failures.size(), *broken.failure == 0 ? 0U : 1U) << broken.path;
    if (!rig.failures.empty()) EXPECT_THAT(rig.failures[0], HasSubstr(broken.failure));
  }
}

TEST(Server, CutsAnAnswerThatWasBegunAndNotFinished) {
  for (const char* path : {"/half", "/short"}) {
    Rig rig(break_promises);
    const std::string answer = rig.talk_open("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(answer, HasSubstr("half"));
    EXPECT_THAT(answer, Not(HasSubstr("\r\n0\r\n\r\n")));
    EXPECT_EQ(rig.failures.size(), 1U);
    EXPECT_EQ(rig.server->figures().connections, 0U);
  }
}

TEST(Server, SaysNothingOfAnAnswerThatIsCutOnPurpose) {
  Rig rig([](Exchange& exchange) -> Task<> {
    CO_TRY_VOID(co_await exchange.start(200, {}));
    CO_TRY_VOID(co_await exchange.write("half"));
    co_return Error(Code::kCancelled, "nobody is there any more whom it could be of");
  });
  const std::string answer = rig.talk_open("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("half"));
  EXPECT_THAT(answer, Not(HasSubstr("\r\n0\r\n\r\n")));
  EXPECT_EQ(rig.failures.size(), 0U);
}

TEST(Server, OnlyTroubleIsAFailureWhateverTheStatus) {
  const auto failures_of = [](Code code) {
    Rig rig([code](Exchange&) -> Task<> { co_return Error(code, "what"); }, {},
            [](const Error&, const Exchange&) { return Reply{.status = 502, .headers = {}, .body = {}}; });
    EXPECT_THAT(rig.talk("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("HTTP/1.1 502"));
    return rig.failures.size();
  };
  EXPECT_EQ(failures_of(Code::kInternal), 1U);
  EXPECT_EQ(failures_of(Code::kUnavailable), 1U);
  EXPECT_EQ(failures_of(Code::kNotFound), 0U);
}

TEST(Server, ReportsASecondAnswerAndSendsOne) {
  Rig rig(break_promises);
  const std::string answer = rig.talk("GET /twice HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(answer), "once");
  EXPECT_THAT(rig.failures, ElementsAre(HasSubstr("second answer")));
}

struct Smuggled {
  const char* what;
  int status;
  std::string request;
};

TEST(Server, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  const std::vector<Smuggled> shapes = {
      {"two lengths", 400, post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
      {"two equal lengths", 400, post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
      {"a list of lengths", 400, post + "Content-Length: 3, 3\r\n\r\nabc"},
      {"a signed length", 400, post + "Content-Length: +3\r\n\r\nabc"},
      {"a hexadecimal length", 400, post + "Content-Length: 0x3\r\n\r\nabc"},
      {"a length of nothing", 400, post + "Content-Length:\r\n\r\n"},
      {"a length beyond numbers", 400, post + "Content-Length: 18446744073709551617\r\n\r\n"},
      {"length and chunks", 400, post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"two encodings", 400, post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"},
      {"chunked in a list", 501, post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
      {"a hidden encoding", 501, post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
      {"chunks in HTTP/1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"a folded header", 400, post + "X-A: b\r\n c\r\n\r\n"},
      {"a folded first header", 400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n"},
      {"a blank before the colon", 400, post + "Content-Length : 3\r\n\r\nabc"},
      {"a line that ends in LF", 400, "GET / HTTP/1.1\nHost: x\r\n\r\n"},
      {"a bare CR in a value", 400, post + "X-A: b\rc\r\n\r\n"},
      {"a NUL in a value", 400, post + "X-A: b" + std::string(1, '\0') + "\r\n\r\n"},
      {"no colon", 400, post + "X-A\r\n\r\n"},
      {"no name", 400, post + ": b\r\n\r\n"},
      {"no Host", 400, "GET / HTTP/1.1\r\n\r\n"},
      {"two Hosts", 400, "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"},
      {"a Host with a path", 400, "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n"},
      {"a chunk size of nothing", 400, post + "Transfer-Encoding: chunked\r\n\r\n\r\n"},
      {"a chunk size with 0x", 400, post + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"},
      {"a negative chunk size", 400, post + "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n"},
      {"a blank after a chunk size", 400, post + "Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n"},
      {"a chunk size beyond numbers", 400, post + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n"},
      {"a chunk longer than its size", 400, post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"},
      {"a chunk size ended by LF", 400, post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"},
      {"a body that ends too early", 400, post + "Content-Length: 5\r\n\r\nabc"},
      {"chunks that end too early", 400, post + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"},
      {"another expectation", 417, post + "Expect: 200-ok\r\nContent-Length: 3\r\n\r\nabc"},
  };
  for (const Smuggled& shape : shapes) {
    Rig rig(echo);
    const std::string answer = rig.talk(shape.request + "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    // What is too short has swallowed what follows, so it is cut before.
    const bool is_short = std::string_view(shape.what).contains("too early");
    const std::string heard = is_short ? rig.talk(shape.request) : answer;
    EXPECT_EQ(status_of(heard), shape.status) << shape.what << "\n" << heard;
    EXPECT_EQ(count_of(heard, "\r\nDate: "), 1U) << shape.what;
    EXPECT_THAT(heard, HasSubstr("Connection: close")) << shape.what;
    EXPECT_THAT(heard, Not(HasSubstr("/smuggled"))) << shape.what;
    EXPECT_THAT(body_of(heard), HasSubstr("\"code\":\"")) << shape.what;
  }
}

TEST(Server, RefusesWhatIsNoHttp) {
  for (const auto& [text, status] : std::vector<std::pair<std::string, int>>{
           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
           {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
           {"GET / HTTP/3.0\r\n", 505},
           {"GET /\r\n", 400},
           {"GET  / HTTP/1.1 \r\n", 400},
           {std::string("\x16\x03\x01\x02\x00", 5), 400},
           {"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
           {"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501},
           {"get / HTTP/1.1\r\nHost: x\r\n\r\n", 501},
           {"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
           {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
           {"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
           {"GET /a/../b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
           {"GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
       }) {
    Rig rig(echo);
    const std::string answer = rig.talk_open(text);  // refused at once, though nobody ended
    EXPECT_EQ(status_of(answer), status) << text;
    EXPECT_THAT(answer, HasSubstr("Connection: close"));
    EXPECT_TRUE(rig.seen.empty());
  }
}

Task<> wait_for(Notifier& notifier, Exchange& exchange) {
  CO_TRY_VOID(co_await notifier.wait());
  co_return co_await exchange.send(200, {}, "late");
}

TEST(Server, StopsGracefully) {
  std::unique_ptr<Notifier> notifier;
  Rig rig([&](Exchange& exchange) { return wait_for(*notifier, exchange); });
  notifier = std::make_unique<Notifier>(rig.io.get_executor());
  RawClient idle = rig.connect();
  RawClient busy = rig.connect();
  (void)busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  rig.io.restart();
  rig.io.poll();
  ASSERT_EQ(rig.server->figures().requests_running, 1U);
  TaskGroup group(rig.io.get_executor());
  group.spawn(rig.server->stop(std::chrono::hours(1)));
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_EQ(group.size(), 1U);  // still waits for the busy one
  notifier->notify();
  const std::string answer = busy.read_to_end();
  EXPECT_EQ(body_of(answer), "late");
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  busy.close();
  rig.io.restart();
  rig.io.poll();
  EXPECT_EQ(group.size(), 0U);
  notifier.reset();  // before its io_context
}

TEST(Server, CutsWhatOutlastsTheGrace) {
  std::unique_ptr<Notifier> never;
  Rig rig([&](Exchange& exchange) { return wait_for(*never, exchange); });
  never = std::make_unique<Notifier>(rig.io.get_executor());
  RawClient busy = rig.connect();
  (void)busy.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  rig.io.restart();
  rig.io.poll();
  ASSERT_TRUE(run(rig.io, rig.server->stop(Milliseconds(1))).has_value());
  EXPECT_EQ(rig.server->figures().connections, 0U);
  EXPECT_EQ(busy.read_to_end(), "");
  never.reset();  // before its io_context
}

TEST(Server, AcceptsOnTcpAndUnixSockets) {
  Rig rig(echo);
  const std::string path = ::testing::TempDir() + "brig_http_" + std::to_string(::getpid()) + ".sock";
  for (const Endpoint& wanted :
       {*parse_endpoint("127.0.0.1:0"), *parse_endpoint("[::1]:0"), *parse_endpoint("unix:" + path)}) {
    auto socket = listen_on(wanted);
    if (!socket.has_value() && wanted.host == "::1") continue;  // a machine without IPv6
    ASSERT_TRUE(socket.has_value()) << socket.error().message();
    const Endpoint where = *endpoint_of(socket->ref());
    ASSERT_TRUE(rig.server->listen(*std::move(socket)).has_value());
    RawClient client(rig.io, *run(rig.io, connect_to(where)));
    (void)client.send("GET /over HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(body_of(client.read_to_end()), "GET /over ") << format(wanted);
  }
  ::unlink(path.c_str());
  EXPECT_FALSE(rig.server->listen(rig.connect_fd()).has_value());
}

}  // namespace
}  // namespace brig::http
