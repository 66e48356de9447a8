#include "api/ops/ops.h"

#include <gmock/gmock.h>

#include "api/common/testing/fixture.h"

namespace brig::api::ops {
namespace {

using http::testing::body_of;
using http::testing::status_of;
using runtime::testing::ScriptedGuest;
using ::testing::HasSubstr;
using ::testing::Not;

class OpsTest : public testing::ServiceFixture {
 protected:
  OpsTest() {
    runtime_.behaviour.guest = [](FdRef fd) {
      ScriptedGuest script(fd);
      script.serve([](ScriptedGuest& inside, std::uint32_t channel) {
        inside.send(guest::Started{.pid = 2}, channel);
        inside.send(guest::Exited{.value = 3}, channel);
        for (const auto stream : {guest::Stream::kOut, guest::Stream::kErr})
          inside.send_frame(guest::Type::kEnd, stream, channel, {});
      });
    };
    open([this](const sandboxes::Happening& happening) {
      metrics_.observe(happening);
      EXPECT_TRUE(journal_.append(happening).has_value());
    });
    ops_ = std::make_unique<Ops>(
        *sandboxes_, *store_, metrics_, journal_, [this] { return rig_.server->figures(); }, wall_now);
    ops_->add_to(router_);
    key_ = *store_->keys().make({.label = "one"}, wall_now());
    other_ = *store_->keys().make({.label = "two"}, wall_now());
  }
  ~OpsTest() override {
    EXPECT_TRUE(run(rig_.io, sandboxes_->stop()).has_value());
    ops_->stop();
    rig_.io.restart();
    rig_.io.poll();
    EXPECT_TRUE(rig_.failures.empty()) << rig_.failures.front();
  }

  std::string get(const std::string& path, const std::string& headers = "") {
    return rig_.talk_open("GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + "\r\n");
  }
  static std::string with(const store::MadeKey& key) { return "Authorization: Bearer " + key.text + "\r\n"; }
  /// Made, used for one command, and ended.
  std::string live_and_end(const store::MadeKey& key) {
    const auto created = run(rig_.io, sandboxes_->create(key.key, {}));
    EXPECT_TRUE(created.has_value()) << created.error().message();
    const auto command = run(rig_.io, created->sandbox->start({.argv = {"x"}}));
    EXPECT_TRUE(run(rig_.io, (*command)->wait()).has_value());
    EXPECT_TRUE(run(rig_.io, sandboxes_->kill(created->sandbox, "")).has_value());
    return created->sandbox->spec().id;
  }
  /// What a follower with these headers is sent, up to and with `last`.
  std::string follow(const std::string& path, const std::string& headers, const std::string& last) {
    http::testing::RawClient client = rig_.connect();
    EXPECT_TRUE(client.send("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n").has_value());
    std::string text = client.read_until(last);
    client.close();
    return text;
  }

  Metrics metrics_;
  Journal journal_{*store_, rig_.io.get_executor(), wall_now};
  std::unique_ptr<Ops> ops_;
  store::MadeKey key_;
  store::MadeKey other_;
};

TEST_F(OpsTest, IsWell) {
  const std::string answer = get("/healthz");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), "{\"status\":\"ok\",\"version\":\"" BRIG_VERSION "\"}\n");
}

TEST_F(OpsTest, IsNotWellWithoutWhatMakesSandboxes) {
  runtime_.behaviour.ready_error = Error(Code::kUnavailable, "/a/secret/path is gone");
  const std::string answer = get("/healthz");
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_THAT(answer, HasSubstr("\"reason\":\"no_launcher\""));
  EXPECT_THAT(answer, HasSubstr("Retry-After: 1"));
  EXPECT_THAT(answer, Not(HasSubstr("secret"))) << "anybody may ask";
}

TEST_F(OpsTest, IsNotWellWhileItStops) {
  ops_->stop();
  const std::string answer = get("/healthz");
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_THAT(answer, HasSubstr("\"reason\":\"stopping\""));
}

TEST_F(OpsTest, CountsWhatHappens) {
  (void)live_and_end(key_);
  const std::string text = body_of(get("/metrics"));
  EXPECT_THAT(text, HasSubstr("\nbrig_create_seconds_count{runtime=\"fake\",template=\"host\",mode=\"cold\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nbrig_exec_seconds_count{runtime=\"fake\",template=\"host\",status=\"error\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nbrig_ended_total{reason=\"killed\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nbrig_sandboxes{state=\"running\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("\nbrig_http_connections 1\n"));
}

TEST_F(OpsTest, FiguresArePassedOnWithAKeyOnly) {
  EXPECT_EQ(status_of(get("/metrics")), 200);
  // Over a Unix socket nobody needs a key; what says that it was passed on is asked for one where it comes from TCP,
  // which tests/e2e/test_openapi.py does.
  EXPECT_EQ(status_of(get("/metrics", "X-Forwarded-For: 203.0.113.7\r\nX-API-Key: brig_no\r\n")), 403)
      << "the rig's own spelling of a refusal";
  EXPECT_EQ(status_of(get("/metrics", "X-Forwarded-For: 203.0.113.7\r\n" + with(key_))), 200);
}

TEST_F(OpsTest, AKeyTakesNotEverySeatOfThoseWhoFollow) {
  std::vector<http::testing::RawClient> followers;
  const auto follow_once = [&](const store::MadeKey& key) {
    followers.push_back(rig_.connect());
    EXPECT_TRUE(followers.back().send("GET /v1/events HTTP/1.1\r\nHost: x\r\n" + with(key) + "\r\n").has_value());
    return status_of(followers.back().read_until("\r\n\r\n"));
  };
  for (int i = 0; i < 32; ++i) ASSERT_EQ(follow_once(key_), 200) << i;
  EXPECT_EQ(follow_once(key_), 429);
  EXPECT_EQ(follow_once(other_), 200);
  for (auto& follower : followers) follower.close();
}

TEST_F(OpsTest, EventsTellALife) {
  const std::string id = live_and_end(key_);
  const std::string text = follow("/v1/events?from=oldest", with(key_), "\"reason\":\"killed\"}}\n\n");
  const auto created = text.find("event: sandbox.created\n");
  const auto command = text.find("event: command.ended\n");
  const auto ended = text.find("event: sandbox.ended\n");
  EXPECT_LT(created, command);
  EXPECT_LT(command, ended);
  EXPECT_NE(ended, std::string::npos);
  EXPECT_THAT(text, HasSubstr("\"sandbox_id\":\"" + id + "\""));
  EXPECT_THAT(text, HasSubstr("\"data\":{\"process\":\"1\",\"status\":\"error\",\"exit_code\":3,"));
}

TEST_F(OpsTest, EventsAreTheKeysOwn) {
  const std::string mine = live_and_end(key_);
  const std::string theirs = live_and_end(other_);
  const std::string last = "\"reason\":\"killed\"}}\n\n";
  const std::string text = follow("/v1/events?from=oldest", with(other_), last);
  EXPECT_THAT(text, HasSubstr(theirs));
  EXPECT_THAT(text, Not(HasSubstr(mine)));
  EXPECT_THAT(text, Not(HasSubstr("key_id")));
  const std::string all = follow("/v1/events?from=oldest&sandbox=" + theirs, "", last);
  EXPECT_THAT(all, HasSubstr("\"key_id\":\"" + other_.key.id + "\""));
  EXPECT_THAT(all, Not(HasSubstr(mine)));
}

TEST_F(OpsTest, EventsGoOnFromTheLastThatCame) {
  const std::string first = live_and_end(key_);
  const std::string last = "\"reason\":\"killed\"}}\n\n";
  const std::string before = follow("/v1/events?from=oldest", with(key_), last);
  const auto at = before.rfind("id: ") + 4;
  const std::string mark = before.substr(at, before.find('\n', at) - at);
  const std::string second = live_and_end(key_);
  const std::string after = follow("/v1/events", with(key_) + "Last-Event-ID: " + mark + "\r\n", last);
  EXPECT_THAT(after, Not(HasSubstr(first)));
  EXPECT_THAT(after, HasSubstr(second));
  EXPECT_THAT(after, HasSubstr("event: sandbox.created\n"));
}

TEST_F(OpsTest, AMarkOfAnotherKeysOrAMadeUpOneIsRefused) {
  for (const std::string& mark : {store_->events().mark(0, other_.key.id), std::string("1")}) {
    EXPECT_EQ(status_of(get("/v1/events", with(key_) + "Last-Event-ID: " + mark + "\r\n")), 400) << mark;
  }
}

TEST_F(OpsTest, AFollowerHearsThatEventsWereRemoved) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(journal_.append({.type = "pool.failed"}).has_value());
  ASSERT_EQ(*store_->events().prune(wall_now() + std::chrono::hours(1), 0), 5);
  EXPECT_TRUE(journal_.append({.type = "pool.failed", .detail = "the last"}).has_value());
  const std::string mark = store_->events().mark(2, store::kLocalKeyId);
  const std::string text = follow("/v1/events", "Last-Event-ID: " + mark + "\r\n", "the last");
  EXPECT_THAT(text, HasSubstr("event: events.lost\n"));
}

TEST_F(OpsTest, AFollowerEndsWithTheDaemon) {
  http::testing::RawClient client = rig_.connect();
  ASSERT_TRUE(client.send("GET /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").has_value());
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("text/event-stream"));
  ops_->stop();
  EXPECT_THAT(client.read_to_end(), HasSubstr("0\r\n\r\n")) << "whole, not cut";
}

}  // namespace
}  // namespace brig::api::ops
