// E2B's control plane and the door to a sandbox's inside, over HTTP, with a wall that is none.
#include "api/e2b/control.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include <boost/json/value.hpp>

#include "api/common/testing/fixture.h"
#include "api/e2b/errors.h"
#include "api/e2b/front.h"
#include "json/json.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;
using http::testing::body_of;
using http::testing::status_of;
using ::testing::HasSubstr;
using ::testing::Not;

class ControlTest : public testing::ServiceFixture {
 protected:
  ControlTest() {
    runtime_.behaviour.may_pause = true;
    open();
    lives_ = std::make_unique<Lives>(*sandboxes_, rig_.io.get_executor(), wall_now);
    guests_ = std::make_unique<Guests>(*sandboxes_, *store_, *lives_, Tokens("secret"), wall_now);
    front_ = std::make_unique<Front>(*guests_, *lives_, std::vector<std::string>{"localhost"}, rig_.io.get_executor());
    control_ = std::make_unique<Control>(*sandboxes_, *snapshots_, *store_, *lives_, *guests_,
                                         image::Catalog(*HostPath::parse(folder_.path() + "/t")), "localhost", "");
    control_->add_to(router_);
    key_ = store_->keys().make({.label = "one", .prefix = "e2b_"}, wall_now())->text;
    other_ = store_->keys().make({.label = "two", .prefix = "e2b_"}, wall_now())->text;
  }
  ~ControlTest() override {
    lives_->stop();
    close();
  }

  Task<> answer(http::Exchange& exchange) override {
    auto done = co_await (front_->is_for_guest(exchange) ? front_->handle(exchange) : router_.handle(exchange));
    if (done || exchange.has_started()) co_return done;
    co_return co_await exchange.send(reply_for(done.error(), exchange));  // as the daemon's error mapper
  }
  std::string ask(const std::string& what, const std::string& headers, const std::string& body = "") {
    return rig_.talk_open(what + " HTTP/1.1\r\n" + headers +
                          "Connection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  std::string with_key(const std::string& what, const std::string& body = "") {
    return ask(what, "Host: x\r\nX-API-Key: " + key_ + "\r\n", body);
  }
  /// To the inside of a sandbox.
  std::string inside(const std::string& what, std::string_view id, std::string_view token = "", int port = kEnvdPort) {
    return ask(what, "Host: x\r\nE2b-Sandbox-Id: " + std::string(id) + "\r\nE2b-Sandbox-Port: " + std::to_string(port) +
                         "\r\n" + (token.empty() ? "" : "X-Access-Token: " + std::string(token) + "\r\n"));
  }
  bj::value json_of(const std::string& answer) {
    const auto value = json::parse(body_of(answer));
    EXPECT_TRUE(value.has_value()) << answer;
    return value ? *value : bj::value();
  }
  bj::value create(const std::string& body = "{}") {
    const std::string answer = with_key("POST /v2/sandboxes", body);
    EXPECT_EQ(status_of(answer), 201) << answer;
    return json_of(answer);
  }
  static std::string text(const bj::value& object, std::string_view name) {
    return std::string(object.at(name).as_string());
  }
  void add_template(const std::string& name, const std::string& owner) {
    const std::string digits(64, 'a');
    const std::string folder = folder_.path() + "/t";
    std::filesystem::create_directories(folder + "/images");
    std::filesystem::create_directories(folder + "/names");
    std::ofstream(folder + "/images/" + digits + ".erofs") << "image";
    std::ofstream(folder + "/names/" + name + ".json")
        << image::to_json({.name = name,
                           .owner = owner,
                           .digest = "sha256:" + digits,
                           .size = Bytes{5},
                           .created_s = 1'700'000'000,
                           .provenance = {.kind = "dockerfile", .source = "Dockerfile"}});
  }
  std::string make_elsewhere() {
    const auto key = *store_->keys().find(key_);
    const auto made =
        run(rig_.io, sandboxes_->create(key, {.policy = options_.defaults, .lifespan = options_.lifespan}));
    rig_.io.restart();
    EXPECT_TRUE(made.has_value());
    return made ? made->sandbox->spec().id : "";
  }
  /// "code" in the body must be the status.
  void expect_error(const std::string& answer, int status) {
    EXPECT_EQ(status_of(answer), status) << answer;
    const bj::value error = json_of(answer);
    EXPECT_EQ(error.at("code"), status) << answer;
    EXPECT_FALSE(text(error, "message").empty());
  }

  std::unique_ptr<Lives> lives_;
  std::unique_ptr<Guests> guests_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<Control> control_;
  std::string key_;
  std::string other_;
};

TEST_F(ControlTest, CreateSaysHowItIsReached) {
  const bj::value made = create(R"({"templateID": "base", "metadata": {"a": "b"}, "envVars": {"FOO": "bar"}})");
  EXPECT_EQ(text(made, "templateID"), "base");
  EXPECT_EQ(text(made, "envdAccessToken").size(), 64U);
  EXPECT_EQ(made.as_object().if_contains("trafficAccessToken"), nullptr);
  ASSERT_EQ(runtime_.record.created.size(), 1U);
  const auto& environment = runtime_.record.created[0].policy.environment;
  EXPECT_NE(std::ranges::find(environment, policy::Variable{"FOO", "bar"}), environment.end());
  const bj::value info = json_of(with_key("GET /sandboxes/" + text(made, "sandboxID")));
  EXPECT_EQ(info.at("state"), "running");
  EXPECT_EQ(info.at("metadata").at("a"), "b");
  EXPECT_EQ(info.at("allowInternetAccess"), false);
  EXPECT_EQ(info.at("lifecycle").at("onTimeout"), "kill");
}

TEST_F(ControlTest, TellsErrorsWithTheirStatus) {
  expect_error(ask("POST /v2/sandboxes", "Host: x\r\nX-API-Key: nonsense\r\n", "{}"), 401);
  expect_error(ask("GET /v2/sandboxes", "Host: x\r\nX-API-Key: e2b_" + std::string(40, '0') + "\r\n"), 401);
  expect_error(with_key("POST /v2/sandboxes", R"({"templateID": "nonsense"})"), 404);
  expect_error(with_key("POST /v2/sandboxes", R"({"templateID": "base:v2"})"), 404);
  expect_error(with_key("POST /v2/sandboxes", R"({"timeout": 0})"), 400);
  expect_error(with_key("POST /v2/sandboxes", R"({"timeout": 999999999})"), 400);
  expect_error(with_key("POST /v2/sandboxes", R"({"network": {"allowOut": ["1.1.1.1"]}})"), 400);
  expect_error(with_key("GET /sandboxes/nonsense"), 404);
  expect_error(with_key("DELETE /sandboxes/nonsense"), 404);
  expect_error(with_key("POST /v3/templates", R"({"name": "x"})"), 501);
  expect_error(with_key("POST /volumes", R"({"name": "x"})"), 501);
  expect_error(with_key("GET /volumes/x"), 404);
}

TEST_F(ControlTest, AnotherKeysSandboxIsNotThere) {
  const std::string id = text(create(), "sandboxID");
  const std::string theirs = "Host: x\r\nX-API-Key: " + other_ + "\r\n";
  expect_error(ask("GET /sandboxes/" + id, theirs), 404);
  expect_error(ask("DELETE /sandboxes/" + id, theirs), 404);
  expect_error(ask("POST /sandboxes/" + id + "/connect", theirs, "{}"), 404);
  EXPECT_EQ(json_of(ask("GET /v2/sandboxes", theirs)), bj::array());
  EXPECT_EQ(status_of(with_key("DELETE /sandboxes/" + id)), 204);
  expect_error(with_key("DELETE /sandboxes/" + id), 404);
}

TEST_F(ControlTest, ConnectNeverShortensAndResumes) {
  const std::string id = text(create(R"({"timeout": 1000})"), "sandboxID");
  const auto end = [&] { return *parse_time(text(json_of(with_key("GET /sandboxes/" + id)), "endAt")); };
  const WallTime before = end();
  EXPECT_EQ(status_of(with_key("POST /v2/sandboxes/" + id + "/connect", R"({"timeout": 10})")), 200);
  EXPECT_EQ(end(), before);
  EXPECT_EQ(status_of(with_key("POST /sandboxes/" + id + "/timeout", R"({"timeout": 10})")), 204);
  EXPECT_LT(end(), before);
  EXPECT_EQ(status_of(with_key("POST /sandboxes/" + id + "/pause")), 204);
  expect_error(with_key("POST /sandboxes/" + id + "/pause", "{}"), 409);
  EXPECT_EQ(json_of(with_key("GET /v2/sandboxes?state=paused")).as_array().size(), 1U);
  EXPECT_EQ(status_of(inside("GET /health", id)), 502);
  EXPECT_EQ(status_of(with_key("POST /sandboxes/" + id + "/connect", "{}")), 201);
  EXPECT_EQ(status_of(inside("GET /health", id)), 204);
  EXPECT_EQ(runtime_.record.pauses, (std::vector<bool>{true, false}));
}

TEST_F(ControlTest, PausesInsteadOfEndingWhenItIsToAndWakes) {
  const bj::value made = create(R"({"timeout": 1, "autoPause": true, "autoResume": {"enabled": true}})");
  const std::string id = text(made, "sandboxID");
  const auto state = [&] { return text(json_of(with_key("GET /sandboxes/" + id)), "state"); };
  for (int i = 0; i < 3000 && state() != "paused"; ++i) std::this_thread::sleep_for(Milliseconds(10));
  ASSERT_EQ(state(), "paused");
  // Who only knows its id does not wake it.
  EXPECT_EQ(status_of(inside("GET /health", id)), 502);
  EXPECT_EQ(status_of(inside("GET /health", id, std::string(64, '0'))), 502);
  EXPECT_EQ(status_of(inside("GET /health", id, text(made, "envdAccessToken"))), 204);
}

TEST_F(ControlTest, TheInsideWantsTheSandboxsOwnToken) {
  const bj::value one = create();
  const bj::value two = create();
  const std::string id = text(one, "sandboxID");
  EXPECT_EQ(status_of(inside("GET /health", id)), 204) << "needs none";
  expect_error(inside("GET /envs", id), 401);
  expect_error(inside("GET /envs", id, text(two, "envdAccessToken")), 401);
  EXPECT_EQ(status_of(inside("GET /envs", id, text(one, "envdAccessToken"))), 200);
  expect_error(inside("GET /files?path=a", id), 401);
  expect_error(inside("GET /files?path=a&signature=v1_x", id), 401);
  EXPECT_THAT(inside("GET /files?path=a", id), HasSubstr("missing signature query parameter"));
  expect_error(inside("POST /init", id, text(one, "envdAccessToken")), 404);
  expect_error(inside("GET /files?path=a&username=root", id, text(one, "envdAccessToken")), 401);
}

TEST_F(ControlTest, WhatIsNotThereIsABadGateway) {
  const std::string id = text(create(), "sandboxID");
  EXPECT_EQ(status_of(with_key("DELETE /sandboxes/" + id)), 204);
  for (const std::string& gone : {id, std::string("nonsense"), std::string("../../x")}) {
    const std::string answer = inside("GET /health", gone);
    expect_error(answer, 502);
    EXPECT_THAT(answer, HasSubstr("The sandbox was not found"));
  }
  expect_error(ask("GET /health", "Host: x\r\nE2b-Sandbox-Id: " + id + "\r\n"), 400);
  expect_error(ask("GET /health", "Host: x\r\nE2b-Sandbox-Id: " + id + "\r\nE2b-Sandbox-Port: 99999\r\n"), 400);
}

TEST_F(ControlTest, ARevokedKeyTakesItsSandboxesDoorsAlong) {
  const bj::value made = create();
  const std::string id = text(made, "sandboxID");
  EXPECT_EQ(status_of(inside("GET /envs", id, text(made, "envdAccessToken"))), 200);
  ASSERT_TRUE(store_->keys().revoke(store_->keys().find(key_)->id, wall_now()).has_value());
  EXPECT_EQ(status_of(inside("GET /envs", id, text(made, "envdAccessToken"))), 502);
}

TEST_F(ControlTest, PortsThatAreNotPublicWantTheirToken) {
  const bj::value made = create(R"({"network": {"allowPublicTraffic": false}})");
  const std::string id = text(made, "sandboxID");
  const std::string host = "Host: 3000-" + id + ".localhost:2744\r\n";
  expect_error(ask("GET /", host), 403);
  expect_error(ask("GET /", host + "E2b-Traffic-Access-Token: " + std::string(64, '0') + "\r\n"), 403);
  const std::string interpreter = "Host: 49999-" + id + ".localhost\r\n";
  expect_error(ask("GET /nothing", interpreter), 403);
  expect_error(
      ask("GET /nothing", interpreter + "E2b-Traffic-Access-Token: " + text(made, "trafficAccessToken") + "\r\n"), 404);
}

TEST_F(ControlTest, OneMadeThroughAnotherDoorHasNoPublicPorts) {
  const std::string id = make_elsewhere();
  EXPECT_EQ(status_of(ask("GET /", "Host: 3000-" + id + ".localhost\r\n")), 404) << "not E2B's: the API's own door";
  const bj::value connected = json_of(with_key("POST /v2/sandboxes/" + id + "/connect", "{}"));
  EXPECT_FALSE(text(connected, "trafficAccessToken").empty());
  expect_error(ask("GET /", "Host: 3000-" + id + ".localhost\r\n"), 403);
}

TEST_F(ControlTest, OneMadeThroughAnotherDoorKeepsWhatIsSaidOfItsNetwork) {
  const std::string id = make_elsewhere();
  EXPECT_EQ(status_of(with_key("PUT /sandboxes/" + id + "/network", R"({"denyOut": ["1.1.1.1/32"]})")), 204);
  const bj::value info = json_of(with_key("GET /sandboxes/" + id));
  EXPECT_EQ(info.at("network").at("denyOut"), bj::array{"1.1.1.1/32"});
  EXPECT_EQ(info.at("network").at("allowPublicTraffic"), false);
  expect_error(ask("GET /", "Host: 3000-" + id + ".localhost\r\n"), 403);
}

TEST_F(ControlTest, ATemplateIsPublicUnlessItIsAKeys) {
  const std::string own = store_->keys().find(key_)->id;
  add_template("everybodys", "");
  add_template("daemons", std::string(image::kDaemonOwner));
  add_template("own", own);
  add_template("theirs", store_->keys().find(other_)->id);
  std::map<std::string, bool> listed;
  for (const bj::value& one : json_of(with_key("GET /templates")).as_array())
    listed[text(one, "templateID")] = one.at("public").as_bool();
  const std::map<std::string, bool> expected{{"host", true}, {"everybodys", true}, {"daemons", true}, {"own", false}};
  EXPECT_EQ(listed, expected);
  for (const auto& [name, is_public] : expected) {
    EXPECT_EQ(json_of(with_key("GET /templates/" + name)).at("public"), is_public) << name;
    EXPECT_EQ(json_of(with_key("GET /templates/aliases/" + name)).at("public"), is_public) << name;
  }
  expect_error(with_key("GET /templates/theirs"), 404);
  EXPECT_THAT(with_key("DELETE /templates/own"), HasSubstr("DELETE /v1/templates/own"));
  EXPECT_THAT(with_key("DELETE /templates/everybodys"), HasSubstr("brig template rm"));
}

TEST_F(ControlTest, NoWebPageSpeaksToInterpreters) {
  const std::string id = text(create(), "sandboxID");
  const std::string host = "Host: 49999-" + id + ".localhost:2744\r\n";
  EXPECT_EQ(status_of(ask("GET /contexts", host)), 200);
  EXPECT_EQ(status_of(ask("POST /contexts/python/restart", host)), 200);
  EXPECT_EQ(status_of(ask("GET /contexts", host + "Origin: http://49999-" + id + ".localhost:2744\r\n")), 200);
  for (const std::string page :
       {"Origin: https://evil.example\r\n", "Origin: null\r\n", "Origin: http://3000-x.localhost:2744\r\n",
        "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n"}) {
    expect_error(ask("POST /contexts/python/restart", host + page), 403);
    expect_error(ask("POST /contexts", host + page, "{}"), 403);
    expect_error(ask("GET /contexts", host + page), 403);
  }
  expect_error(ask("POST /contexts", host + "Content-Type: text/plain\r\n", "{}"), 415);
  expect_error(ask("POST /contexts", host, "{}"), 415);
  // It is looked at: what it says is wrong.
  EXPECT_EQ(status_of(ask("POST /contexts", host + "Content-Type: application/json; charset=utf-8\r\n", "[")), 422);
}

TEST_F(ControlTest, AFormHasFilesOnly) {
  const bj::value made = create();
  const std::string body = "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--b--\r\n";
  const std::string answer = ask("POST /files?path=a",
                                 "Host: x\r\nE2b-Sandbox-Id: " + text(made, "sandboxID") +
                                     "\r\nE2b-Sandbox-Port: 49983\r\nX-Access-Token: " + text(made, "envdAccessToken") +
                                     "\r\nContent-Type: multipart/form-data; boundary=b\r\n",
                                 body);
  expect_error(answer, 400);
  EXPECT_THAT(answer, HasSubstr("other"));
}

TEST_F(ControlTest, PagesAreStable) {
  std::vector<std::string> made;
  for (int i = 0; i < 3; ++i) made.push_back(text(create(R"({"metadata": {"mark": "x"}})"), "sandboxID"));
  create();
  std::vector<std::string> seen;
  std::string path = "GET /v2/sandboxes?metadata=mark%3Dx&order=asc&limit=2";
  std::string answer = with_key(path);
  for (const bj::value& one : json_of(answer).as_array()) seen.push_back(text(one, "sandboxID"));
  const auto at = answer.find("X-Next-Token: ");
  ASSERT_NE(at, std::string::npos);
  const std::string token = answer.substr(at + 14, answer.find("\r\n", at) - at - 14);
  answer = with_key(path + "&nextToken=" + token);
  for (const bj::value& one : json_of(answer).as_array()) seen.push_back(text(one, "sandboxID"));
  EXPECT_THAT(answer, Not(HasSubstr("X-Next-Token")));
  std::ranges::sort(seen);
  std::ranges::sort(made);
  EXPECT_EQ(seen, made);
}

}  // namespace
}  // namespace brig::api::e2b
