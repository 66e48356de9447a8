// The agent's services over HTTP, from a client's bytes to a scripted guest and back.
#include <gmock/gmock.h>

#include <boost/json/value.hpp>

#include "api/common/testing/fixture.h"
#include "api/e2b/errors.h"
#include "api/e2b/front.h"
#include "base/base64.h"
#include "http/envelopes.h"

namespace brig::api::e2b {
namespace {

using http::enveloped;
using http::enveloped_end;
using http::testing::body_of;
using http::testing::status_of;
using runtime::testing::ScriptedGuest;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kStart = R"({"process":{"cmd":"hello"},"stdin":false})";

/// What a guest does that is asked to run something: "hello" prints and ends, "sleep" never does.
void serve(FdRef fd) {
  ScriptedGuest script(fd);
  script.serve([](ScriptedGuest& inside, std::uint32_t channel) {
    inside.send(guest::Started{.pid = 41}, channel);
    if (inside.argv.front() == "sleep") return;
    inside.print(channel, guest::Stream::kOut, "hi\n");
    inside.send(guest::Exited{.value = 3}, channel);
    for (const auto stream : {guest::Stream::kOut, guest::Stream::kErr})
      inside.send_frame(guest::Type::kEnd, stream, channel, {});
  });
}

struct Sent {
  std::string type = "application/connect+json";
  std::string more{};  ///< fields
  bool has_token = true;
};

class E2bServicesTest : public testing::ServiceFixture {
 protected:
  E2bServicesTest() {
    runtime_.behaviour.guest = serve;
    runtime_.behaviour.may_pause = true;
    open();
    lives_ = std::make_unique<Lives>(*sandboxes_, rig_.io.get_executor(), wall_now);
    guests_ = std::make_unique<Guests>(*sandboxes_, *store_, *lives_, Tokens("secret"), wall_now);
    front_ = std::make_unique<Front>(*guests_, *lives_, std::vector<std::string>{"localhost"}, rig_.io.get_executor());
    auto created = run(rig_.io, sandboxes_->create(key_, {}));
    if (created) box_ = created->sandbox;
  }
  ~E2bServicesTest() override {
    box_.reset();
    EXPECT_TRUE(run(rig_.io, sandboxes_->stop()).has_value());
    rig_.server.reset();
    front_.reset();
    rig_.io.restart();
    rig_.io.poll();
  }
  Task<> answer(http::Exchange& exchange) override { return front_->handle(exchange); }
  void SetUp() override { ASSERT_TRUE(box_); }

  std::string request(std::string_view method, std::string_view body, const Sent& how) {
    std::string head = "POST /" + std::string(method) + " HTTP/1.1\r\nHost: x\r\nContent-Type: " + how.type +
                       "\r\nE2b-Sandbox-Id: " + box_->spec().id +
                       "\r\nE2b-Sandbox-Port: 49983\r\nConnection: close\r\n" + how.more;
    if (how.has_token) head += "X-Access-Token: " + guests_->tokens().access(box_->spec().id) + "\r\n";
    return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
  }
  /// All of the answer to a call that streams.
  std::string stream(std::string_view method, std::string_view message, const Sent& how = {}) {
    auto client = rig_.connect();
    EXPECT_TRUE(client.send(request(method, enveloped(message), how)));
    return client.read_to_end();
  }
  std::string unary(std::string_view method, std::string_view message, Sent how = {}) {
    how.type = "application/json";
    auto client = rig_.connect();
    EXPECT_TRUE(client.send(request(method, message, how)));
    return client.read_to_end();
  }

  store::Key key_ = store_->keys().make({.label = "one"}, wall_now())->key;
  std::unique_ptr<Lives> lives_;
  std::unique_ptr<Guests> guests_;
  std::unique_ptr<Front> front_;
  std::shared_ptr<sandboxes::Sandbox> box_;
};

TEST_F(E2bServicesTest, ACommandIsAStreamFromItsStartToItsEnd) {
  const std::string answer = stream("process.Process/Start", kStart);
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_THAT(answer, HasSubstr("Content-Type: application/connect+json"));
  std::size_t at = 0;
  for (const std::string& part :
       {enveloped(R"({"event":{"start":{"pid":41}}})"), enveloped(R"({"event":{"data":{"stdout":"aGkK"}}})"),
        enveloped(R"({"event":{"end":{"exited":true,"status":"exit status 3","exitCode":3,"error":"exit status 3"}}})"),
        enveloped_end("{}")}) {
    const std::size_t found = answer.find(part, at);
    ASSERT_NE(found, std::string::npos) << part;
    at = found + part.size();
  }
}

TEST_F(E2bServicesTest, LateComersHearStartAndEndOnly) {
  (void)stream("process.Process/Start", kStart);
  const std::string answer = stream("process.Process/Connect", R"({"process":{"pid":41}})");
  EXPECT_THAT(answer, HasSubstr(R"({"event":{"start":{"pid":41}}})"));
  EXPECT_THAT(answer, HasSubstr("exit status 3"));
  EXPECT_THAT(answer, Not(HasSubstr("aGkK")));
}

TEST_F(E2bServicesTest, ErrorsOfAStreamAreItsLastWord) {
  const std::string answer = stream("process.Process/Connect", R"({"process":{"pid":999999}})");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_THAT(
      answer,
      HasSubstr(enveloped_end(R"({"error":{"code":"not_found","message":"process with pid 999999 not found"}})")));
  EXPECT_THAT(stream("process.Process/Start", "{]"), HasSubstr(R"({"error":{"code":"invalid_argument")"));
  EXPECT_THAT(stream("process.Process/Start", kStart, {.more = "Connect-Timeout-Ms: x\r\n"}),
              HasSubstr(R"({"error":{"code":"invalid_argument")"));
  EXPECT_THAT(stream("process.Process/Start", kStart, {.more = "Connect-Content-Encoding: gzip\r\n"}),
              HasSubstr(R"({"error":{"code":"unimplemented")"));
}

TEST_F(E2bServicesTest, ErrorsOfAUnaryCallHaveTheirStatus) {
  const std::string answer = unary("process.Process/SendSignal", R"({"process":{"pid":7},"signal":"SIGNAL_SIGKILL"})");
  EXPECT_EQ(status_of(answer), 404);
  EXPECT_EQ(body_of(answer), R"({"code":"not_found","message":"process with pid 7 not found"})");
  EXPECT_EQ(status_of(unary("process.Process/SendSignal", "{}")), 400);
  EXPECT_EQ(status_of(unary("process.Process/NoSuch", "{}")), 404);
  EXPECT_EQ(body_of(unary("process.Process/List", "{}")), R"({"processes":[]})");
}

TEST_F(E2bServicesTest, WhoMayNotIsToldSoBeforeAnythingStarts) {
  EXPECT_EQ(status_of(stream("process.Process/Start", kStart, {.has_token = false})),
            // The rig has no mapper of errors: the daemon's makes 401 of it.
            403);
  const std::string other =
      stream("process.Process/Start", kStart, {.more = "Authorization: Basic " + to_base64("root123:") + "\r\n"});
  EXPECT_EQ(status_of(other), 401);
  EXPECT_THAT(other, HasSubstr(R"({"code":"unauthenticated","message":"invalid username: 'root123')"));
  EXPECT_EQ(status_of(unary("filesystem.Filesystem/Stat", R"({"path":"/"})",
                            {.more = "Authorization: Basic " + to_base64("root:") + "\r\n"})),
            401);
  EXPECT_TRUE(box_->commands().empty());
}

TEST_F(E2bServicesTest, TheBinaryCodecIsRefusedByItsName) {
  const std::string answer = stream("process.Process/Start", kStart, {.type = "application/connect+proto"});
  EXPECT_EQ(status_of(answer), 415);
  EXPECT_THAT(answer, HasSubstr("Accept-Post: application/connect+json"));
  EXPECT_THAT(answer, HasSubstr(R"("code":"unimplemented")"));
}

TEST_F(E2bServicesTest, ADeadlineEndsTheCommandAndTheStream) {
  const std::string answer =
      stream("process.Process/Start", R"({"process":{"cmd":"sleep"}})", {.more = "Connect-Timeout-Ms: 50\r\n"});
  EXPECT_THAT(answer, HasSubstr(R"({"event":{"start":{"pid":41}}})"));
  EXPECT_THAT(answer, HasSubstr(R"({"error":{"code":"deadline_exceeded")"));
}

TEST_F(E2bServicesTest, AStreamOfASandboxThatEndsIsCutAndHasNoEnd) {
  auto client = rig_.connect();
  ASSERT_TRUE(client.send(request("process.Process/Start", enveloped(R"({"process":{"cmd":"sleep"}})"), {})));
  EXPECT_THAT(client.read_until(R"("pid":41}}})"), HasSubstr("200 OK"));
  ASSERT_TRUE(run(rig_.io, sandboxes_->kill(box_, "a test")));
  const std::string rest = client.read_to_end();
  EXPECT_THAT(rest, Not(HasSubstr("\r\n0\r\n\r\n")));
  EXPECT_THAT(rest, Not(HasSubstr("error")));
  EXPECT_THAT(rig_.failures, ::testing::IsEmpty()) << "nothing that the operator should hear of";
}

TEST_F(E2bServicesTest, AStreamOfASandboxThatIsPausedIsCutAsWell) {
  auto client = rig_.connect();
  ASSERT_TRUE(client.send(request("process.Process/Start", enveloped(R"({"process":{"cmd":"sleep"}})"), {})));
  EXPECT_THAT(client.read_until(R"("pid":41}}})"), HasSubstr("200 OK"));
  ASSERT_TRUE(run(rig_.io, sandboxes_->pause(box_)));
  EXPECT_THAT(client.read_to_end(), Not(HasSubstr("\r\n0\r\n\r\n")));
  EXPECT_THAT(rig_.failures, ::testing::IsEmpty());
  EXPECT_EQ(box_->commands().size(), 1U);
  EXPECT_FALSE(box_->commands().front()->end()) << "the command is the sandbox's, and goes on";
}

TEST_F(E2bServicesTest, AClientThatGoesLeavesItsCommand) {
  {
    auto client = rig_.connect();
    ASSERT_TRUE(
        client.send(request("process.Process/Start", enveloped(R"({"process":{"cmd":"sleep"},"tag":"t"})"), {})));
    EXPECT_THAT(client.read_until(R"("pid":41}}})"), HasSubstr("200 OK"));
  }
  EXPECT_THAT(body_of(unary("process.Process/List", "{}")), HasSubstr(R"("pid":41,"tag":"t")"));
}

}  // namespace
}  // namespace brig::api::e2b
