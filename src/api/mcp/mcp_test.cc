// The endpoint: revisions, sessions, refusals. What the tools do inside is tests/mcp's.
#include "api/mcp/mcp.h"

#include <gmock/gmock.h>

#include <future>

#include "api/common/testing/fixture.h"
#include "json/json.h"

namespace brig::api::mcp {
namespace {

namespace bj = boost::json;
using http::testing::body_of;
using http::testing::status_of;
using ::testing::HasSubstr;
using ::testing::Not;

class McpTest : public testing::ServiceFixture {
 protected:
  McpTest() {
    open();
    creation_ = std::make_unique<Creation>(*sandboxes_, *snapshots_, std::nullopt);
    mcp_ = std::make_unique<Mcp>(*sandboxes_, *creation_, *store_, wall_now,
                                 std::vector<std::string>{"https://good.example"}, rig_.io.get_executor());
    mcp_->add_to(router_);
    key_ = *store_->keys().make({.label = "one"}, wall_now());
    other_ = *store_->keys().make({.label = "two"}, wall_now());
  }
  ~McpTest() override { close(); }

  std::string ask(const std::string& method, const std::string& headers, const std::string& body,
                  const std::string& key) {
    return rig_.talk_open(method + " /mcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + key +
                          "\r\n" + headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  std::string post(const std::string& body, const std::string& headers = "", const std::string& key = "") {
    return ask("POST", "Content-Type: application/json\r\n" + headers, body, key.empty() ? key_.text : key);
  }
  std::string begin(const std::string& revision = "2025-11-25", const std::string& key = "") {
    const std::string answer =
        post(R"({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": ")" + revision +
                 R"(", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}})",
             "", key);
    EXPECT_EQ(status_of(answer), 200) << answer;
    constexpr std::string_view kName = "Mcp-Session-Id: ";
    const std::size_t at = answer.find(kName);
    EXPECT_NE(at, std::string::npos) << answer;
    return answer.substr(at + kName.size(), answer.find('\r', at) - at - kName.size());
  }
  static std::string in(const std::string& session) { return "Mcp-Session-Id: " + session + "\r\n"; }
  static bj::value json_of(const std::string& answer) {
    const auto value = json::parse(body_of(answer));
    EXPECT_TRUE(value.has_value()) << answer;
    return value ? *value : bj::value();
  }

  std::unique_ptr<Creation> creation_;
  std::unique_ptr<Mcp> mcp_;
  store::MadeKey key_;
  store::MadeKey other_;
};

constexpr const char* kList = R"({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})";
constexpr const char* kMeta =
    R"("_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}})";

TEST_F(McpTest, ASessionIsBegunUsedAndEnded) {
  const std::string session = begin();
  EXPECT_EQ(status_of(post(R"({"jsonrpc": "2.0", "method": "notifications/initialized"})", in(session))), 202);
  const bj::value listed = json_of(post(kList, in(session)));
  EXPECT_EQ(listed.at("result").at("tools").as_array().size(), 8U);
  EXPECT_FALSE(listed.at("result").as_object().contains("resultType")) << "the newest revision's alone";
  EXPECT_EQ(json_of(post(R"({"jsonrpc": "2.0", "id": 3, "method": "ping"})", in(session))).at("result"), bj::object());
  EXPECT_EQ(status_of(ask("DELETE", in(session), "", key_.text)), 204);
  const std::string gone = post(kList, in(session));
  EXPECT_EQ(status_of(gone), 404);
  EXPECT_EQ(json_of(gone).at("error").at("data").at("reason"), "no_session") << "what clients decide by";
  EXPECT_EQ(status_of(ask("DELETE", in(session), "", key_.text)), 404);
}

TEST_F(McpTest, ASessionThatEndsWhileItsSandboxIsMadeLeavesNone) {
  std::promise<void> may_greet;
  bool is_begun = false;
  runtime_.behaviour.on_create = [&] { is_begun = true; };
  runtime_.behaviour.guest = [greeting = may_greet.get_future().share()](FdRef fd) {
    greeting.wait();
    runtime::testing::ScriptedGuest script(fd);
    script.serve([](runtime::testing::ScriptedGuest&, std::uint32_t) {});
  };
  const std::string session = begin();
  const std::string call =
      R"({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "list_files", "arguments": {}}})";
  http::testing::RawClient client = rig_.connect();
  ASSERT_TRUE(client
                  .send("POST /mcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + key_.text +
                        "\r\nContent-Type: application/json\r\n" + in(session) +
                        "Content-Length: " + std::to_string(call.size()) + "\r\n\r\n" + call)
                  .has_value());
  while (!is_begun) ASSERT_TRUE(run(rig_.io, sleep(Milliseconds{1})).has_value());
  EXPECT_EQ(status_of(ask("DELETE", in(session), "", key_.text)), 204);
  may_greet.set_value();
  EXPECT_EQ(status_of(client.read_to_end()), 202) << "nobody hears of it any more";
  EXPECT_EQ(runtime_.record.created.size(), 1U);
  EXPECT_EQ(runtime_.record.alive, 0);
  EXPECT_EQ(sandboxes_->count(sandboxes::State::kRunning), 0U);
}

TEST_F(McpTest, ASessionIsOfItsKey) {
  const std::string session = begin();
  EXPECT_EQ(status_of(post(kList, in(session), other_.text)), 404);
  EXPECT_EQ(status_of(ask("DELETE", in(session), "", other_.text)), 404);
  EXPECT_EQ(status_of(post(kList, in(session))), 200);
}

TEST_F(McpTest, RevisionsAreAgreedOn) {
  for (const char* revision : {"2025-11-25", "2025-06-18"}) {
    const std::string answer =
        post(R"({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": ")" +
             std::string(revision) + R"("}})");
    EXPECT_EQ(json_of(answer).at("result").at("protocolVersion"), revision);
  }
  for (const char* revision : {"2026-07-28", "1999-01-01"}) {
    const std::string answer =
        post(R"({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": ")" +
             std::string(revision) + R"("}})");
    EXPECT_EQ(json_of(answer).at("result").at("protocolVersion"), "2025-11-25");
  }
  const std::string session = begin();
  EXPECT_EQ(status_of(post(kList, in(session) + "MCP-Protocol-Version: 1999-01-01\r\n")), 400);
  EXPECT_EQ(status_of(post(kList, in(session) + "MCP-Protocol-Version: 2025-11-25\r\n")), 200);
}

TEST_F(McpTest, TheNewestRevisionNeedsNoSession) {
  const std::string head = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: ";
  const auto body = [](const char* method) {
    return R"({"jsonrpc": "2.0", "id": 1, "method": ")" + std::string(method) + R"(", "params": {)" + kMeta + "}}";
  };
  const bj::value found = json_of(post(body("server/discover"), head + "server/discover\r\n"));
  EXPECT_EQ(found.at("result").at("supportedVersions").at(0), "2026-07-28");
  EXPECT_EQ(found.at("result").at("resultType"), "complete");
  const bj::value listed = json_of(post(body("tools/list"), head + "tools/list\r\n"));
  EXPECT_EQ(listed.at("result").at("tools").as_array().size(), 8U);
  EXPECT_GE(listed.at("result").at("ttlMs").as_int64(), 0);
  const std::string unknown = post(body("resources/list"), head + "resources/list\r\n");
  EXPECT_EQ(status_of(unknown), 404);
  EXPECT_EQ(json_of(unknown).at("error").at("code"), -32601);
  const std::string mismatch = post(body("tools/list"), head + "tools/call\r\n");
  EXPECT_EQ(status_of(mismatch), 400);
  EXPECT_EQ(json_of(mismatch).at("error").at("code"), -32020);
  EXPECT_EQ(status_of(post(body("tools/list"), "")), 400) << "without the header";
}

TEST_F(McpTest, WhoIsNobodyGetsNothing) {
  EXPECT_THAT(post(kList, "", "brig_wrong"), Not(HasSubstr("run_code")));
  EXPECT_EQ(status_of(post(kList, "", "brig_wrong")), 403) << "401 by the daemon's own mapping of errors";
}

TEST_F(McpTest, OtherPagesAreRefused) {
  const std::string session = begin();
  EXPECT_EQ(status_of(post(kList, in(session) + "Origin: https://evil.example\r\n")), 403);
  EXPECT_EQ(status_of(post(kList, in(session) + "Origin: null\r\n")), 403);
  EXPECT_EQ(status_of(post(kList, in(session) + "Origin: https://good.example\r\n")), 200);
}

TEST_F(McpTest, WhatIsNoMessageIsRefused) {
  const std::string session = begin();
  EXPECT_EQ(status_of(post("{", in(session))), 400);
  EXPECT_EQ(status_of(post("[]", in(session))), 400);
  EXPECT_EQ(status_of(ask("POST", in(session), kList, key_.text)), 415);
  EXPECT_EQ(status_of(post(kList)), 400) << "no session";
  EXPECT_EQ(status_of(ask("GET", in(session), "", key_.text)), 405);
  const std::string unknown = post(R"({"jsonrpc": "2.0", "id": 2, "method": "tools/fly"})", in(session));
  EXPECT_EQ(status_of(unknown), 200);
  EXPECT_EQ(json_of(unknown).at("error").at("code"), -32601);
  const std::string tool =
      post(R"({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "rm"}})", in(session));
  EXPECT_EQ(json_of(tool).at("error").at("code"), -32602);
}

TEST_F(McpTest, MistakesInArgumentsAreResultsForTheModel) {
  const std::string session = begin();
  const bj::value answer = json_of(post(
      R"({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "run_code", "arguments": {"cod": "1"}}})",
      in(session)));
  EXPECT_EQ(answer.at("result").at("isError"), true);
  EXPECT_THAT(std::string(answer.at("result").at("content").at(0).at("text").as_string()), HasSubstr("arguments"));
  EXPECT_EQ(sandboxes_->count(sandboxes::State::kRunning), 0U) << "nothing is made for a mistake";
}

TEST_F(McpTest, ASandboxIsMadeAndEndedAndItsKeysAlone) {
  const std::string session = begin();
  const auto call = [&](const std::string& rest, const std::string& from, const std::string& key) {
    return json_of(
        post(R"({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": )" + rest + "}", in(from), key));
  };
  const bj::value made = call(R"({"name": "create_sandbox"})", session, "");
  const std::string text(made.at("result").at("content").at(0).at("text").as_string());
  ASSERT_THAT(text, HasSubstr("sandbox_id: "));
  EXPECT_THAT(text, HasSubstr("Network: none"));
  const std::string id = text.substr(12, text.find('\n') - 12);
  const std::string kill = R"({"name": "kill_sandbox", "arguments": {"sandbox_id": ")" + id + R"("}})";
  const std::string theirs = begin("2025-11-25", other_.text);
  EXPECT_EQ(call(kill, theirs, other_.text).at("result").at("isError"), true);
  EXPECT_THAT(json::write(call(R"({"name": "list_sandboxes"})", session, "")), HasSubstr(id));
  EXPECT_THAT(json::write(call(R"({"name": "list_sandboxes"})", theirs, other_.text)), Not(HasSubstr(id)));
  EXPECT_EQ(call(kill, session, "").at("result").at("isError"), false);
  EXPECT_EQ(call(kill, session, "").at("result").at("isError"), true) << "it is gone";
}

TEST_F(McpTest, ASandboxIsAsItWasAskedFor) {
  const std::string session = begin();
  const auto ask_for = [&](const std::string& arguments) {
    const bj::value answer = json_of(post(
        R"({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "create_sandbox", "arguments": )" +
            arguments + "}}",
        in(session)));
    return std::string(answer.at("result").at("content").at(0).at("text").as_string());
  };
  ASSERT_THAT(ask_for(R"({"memory_mb": 64, "cpus": 0.5, "timeout_seconds": 2.5, "ttl_seconds": 60})"),
              HasSubstr("sandbox_id: "));
  const auto made = sandboxes_->of_key(key_.key);
  ASSERT_EQ(made.size(), 1U);
  const sandboxes::SandboxSpec& spec = made.front()->spec();
  EXPECT_EQ(spec.template_name, "host");
  EXPECT_EQ(spec.policy.limits.memory, mebibytes(64));
  EXPECT_LT(spec.policy.limits.disk, mebibytes(64)) << "the scratch fits into the memory";
  EXPECT_EQ(spec.policy.limits.cpu_millis, 500U);
  EXPECT_EQ(spec.policy.limits.timeout, Milliseconds(2500));
  EXPECT_EQ(spec.lifespan.ttl, Milliseconds(60'000));
  EXPECT_EQ(spec.lifespan.idle, kSandboxIdle);
  EXPECT_EQ(spec.metadata, (std::vector<policy::Variable>{{"made_by", "mcp"}}));

  EXPECT_THAT(ask_for(R"({"cpus": 5000})"), HasSubstr("out of range"));
  EXPECT_THAT(ask_for(R"({"ttl_seconds": 31536000})"), HasSubstr("the longest time-to-live here is"));
  EXPECT_THAT(ask_for(R"({"template": "nothing"})"), HasSubstr("there is no template"));
  EXPECT_EQ(sandboxes_->of_key(key_.key).size(), 1U);
}

TEST(McpSessions, OfAKeyAreBoundedAndTheIdlestGoes) {
  std::chrono::steady_clock::time_point now{};
  asio::io_context io;  // outlives what works on it
  std::vector<std::string> ended;
  Sessions sessions([&](const Session& session) { ended.push_back(session.id); }, [&] { return now; });
  std::vector<std::shared_ptr<Session>> all;
  for (std::size_t i = 0; i < kSessionsMax; ++i) {
    now += std::chrono::seconds(1);
    all.push_back(*sessions.open("a", "2025-11-25"));
  }
  ASSERT_TRUE(sessions.open("b", "2025-11-25").has_value()) << "another key's count for themselves";
  EXPECT_EQ(sessions.find("b", all[0]->id), nullptr);
  all[0]->calls.emplace("1", std::make_shared<Call>(io.get_executor()));
  ASSERT_TRUE(sessions.open("a", "2025-11-25").has_value());
  EXPECT_EQ(ended, std::vector<std::string>{all[1]->id}) << "the first works";
  for (const auto& session : all) session->calls.emplace("1", std::make_shared<Call>(io.get_executor()));
  const auto last = sessions.open("a", "2025-11-25");
  ASSERT_TRUE(last.has_value()) << "that which was opened last does not work";
  (*last)->calls.emplace("1", std::make_shared<Call>(io.get_executor()));
  EXPECT_EQ(sessions.open("a", "2025-11-25").error().code(), Code::kExhausted);
}

TEST(McpSessions, WhatNobodyUsesIsForgotten) {
  std::chrono::steady_clock::time_point now{};
  Sessions sessions([](const Session&) {}, [&] { return now; });
  const auto old = *sessions.open("a", "2025-11-25");
  now += kSessionIdle + std::chrono::seconds(1);
  EXPECT_EQ(sessions.find("a", old->id), nullptr);
  EXPECT_TRUE(old->is_over);
}

TEST(McpSessions, WhatWorksIsKeptHoweverLong) {
  std::chrono::steady_clock::time_point now{};
  asio::io_context io;
  Sessions sessions([](const Session&) {}, [&] { return now; });
  const auto working = *sessions.open("a", "2025-11-25");
  working->calls.emplace("1", std::make_shared<Call>(io.get_executor()));
  const auto idle = *sessions.open("a", "2025-11-25");
  now += kSessionIdle + std::chrono::seconds(1);
  EXPECT_EQ(sessions.find("a", idle->id), nullptr) << "behind one that works";
  EXPECT_EQ(sessions.find("a", working->id), working);
}

}  // namespace
}  // namespace brig::api::mcp
