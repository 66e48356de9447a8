#include "api/v1/read.h"

#include <gmock/gmock.h>

namespace brig::api::v1 {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// Set, to none: not the same as left alone.
constexpr std::optional<std::optional<Milliseconds>> kNone{std::in_place};

std::string error_of(const auto& result) { return result ? "" : result.error().message(); }

TEST(ReadCreate, AnEmptyBodyAsksForTheDefaults) {
  const sandboxes::Options options;
  const auto create = read_create("", options);
  ASSERT_TRUE(create) << error_of(create);
  EXPECT_EQ(create->request.template_name, "host");
  EXPECT_EQ(create->request.policy, options.defaults);
  EXPECT_EQ(create->request.lifespan.ttl, options.lifespan.ttl);
}

TEST(ReadCreate, TakesLimitsAsTextAndAsNumbers) {
  const auto create = read_create(
      R"({"limits": {"memory": "512M", "timeout": 2.5, "cpus": 0.5, "pids": 7, "disk": 1048576}, "ttl_seconds": 60,
          "idle_seconds": 5, "metadata": {"user": "7"}, "envs": {"A": "b"}})",
      {});
  ASSERT_TRUE(create) << error_of(create);
  const policy::Limits& limits = create->request.policy.limits;
  EXPECT_EQ(limits.memory, mebibytes(512));
  EXPECT_EQ(limits.timeout, 2500ms);
  EXPECT_EQ(limits.cpu_millis, 500U);
  EXPECT_EQ(limits.pids, 7U);
  EXPECT_EQ(limits.disk, mebibytes(1));
  EXPECT_EQ(create->request.lifespan.ttl, 60s);
  EXPECT_EQ(create->request.lifespan.idle, 5s);
  EXPECT_EQ(create->request.metadata, (std::vector<policy::Variable>{{"user", "7"}}));
  EXPECT_EQ(create->request.policy.environment, (std::vector<policy::Variable>{{"A", "b"}}));
}

TEST(ReadCreate, OfLittleMemoryKeepsTheScratchInItUnlessADiskIsAskedFor) {
  EXPECT_LT(read_create(R"({"memory_mb": 64})", {})->request.policy.limits.disk, mebibytes(64));
  EXPECT_EQ(read_create(R"({"memory_mb": 64, "limits": {"disk": "100M"}})", {})->request.policy.limits.disk,
            mebibytes(100));
}

TEST(ReadCreate, PersistentMeansNoTimeToLive) {
  const auto create = read_create(R"({"persistent": true})", {});
  ASSERT_TRUE(create) << error_of(create);
  EXPECT_FALSE(create->request.lifespan.ttl);
}

TEST(ReadCreate, TakesAFloorOfIsolation) {
  const auto create = read_create(R"({"require": "hardware"})", {});
  ASSERT_TRUE(create) << error_of(create);
  EXPECT_EQ(create->request.policy.require, policy::Boundary::kHardware);
  EXPECT_FALSE(read_create(R"({"require": "a wish"})", {}));
}

TEST(ReadCreate, LibrariesAreThoseThatTheDaemonsPolicyAllows) {
  sandboxes::Options options;
  options.defaults.libraries.allow = {"pandas"};
  const auto create = read_create(R"({"libraries": ["Pandas", "pandas"]})", options);
  ASSERT_TRUE(create) << error_of(create);
  EXPECT_EQ(create->request.policy.libraries.use, std::vector<std::string>{"pandas"});
  for (const char* body : {R"({"libraries": ["numpy"]})", R"({"libraries": ["numpy"], "policy": "lenient"})",
                           R"({"libraries": ["pandas"], "policy": "strict"})"}) {
    const auto refused = read_create(body, options);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().code(), Code::kDenied) << body;
  }
  EXPECT_THAT(error_of(read_create(R"({"libraries": ["../x"]})", options)), HasSubstr("$.libraries[0]: "));
}

TEST(ReadCreate, AChannelAndADryRunAreAskedForInSoManyWords) {
  const auto plain = read_create("{}", {});
  ASSERT_TRUE(plain) << error_of(plain);
  EXPECT_FALSE(plain->request.gives_channel);
  EXPECT_FALSE(plain->is_dry_run);
  const auto both = read_create(R"({"channel": true, "dry_run": true})", {});
  ASSERT_TRUE(both) << error_of(both);
  EXPECT_TRUE(both->request.gives_channel);
  EXPECT_TRUE(both->is_dry_run);
  EXPECT_FALSE(read_create(R"({"channel": "yes"})", {}));
  EXPECT_EQ(read_create(R"({"channel": true, "from_snapshot": "x"})", {}).error().code(), Code::kUnsupported);
}

TEST(ReadLifespan, WhatIsNoLongerPersistentHasAnEndAgain) {
  const sandboxes::Lifespan usual{.ttl = 1h, .idle = {}};
  const auto lifespan = read_lifespan(R"({"persistent": false})", {}, usual);
  ASSERT_TRUE(lifespan) << error_of(lifespan);
  EXPECT_EQ(lifespan->ttl, std::optional<Milliseconds>(1h));
  EXPECT_FALSE(read_lifespan(R"({"persistent": false})", {.ttl = 60s, .idle = {}}, usual)->ttl);
  EXPECT_EQ(read_lifespan(R"({"persistent": true})", {.ttl = 60s, .idle = {}}, usual)->ttl, kNone);
}

TEST(ReadLifespan, WhatIsAbsentStays) {
  const auto change = read_lifespan(R"({"idle_seconds": 5})", {.ttl = 60s, .idle = {}}, {.ttl = 1h, .idle = {}});
  ASSERT_TRUE(change) << error_of(change);
  EXPECT_FALSE(change->ttl);
  EXPECT_EQ(change->idle, std::optional<Milliseconds>(5s));
  EXPECT_EQ(read_lifespan(R"({"idle_seconds": null})", {.ttl = 60s, .idle = 5s}, {.ttl = 1h, .idle = {}})->idle, kNone);
}

TEST(ReadCreate, MayBeForbiddenToLiveForEver) {
  sandboxes::Options options;
  options.ttl_most = 2h;
  options.may_persist = false;
  EXPECT_THAT(error_of(read_create(R"({"persistent": true})", options)),
              HasSubstr("$.persistent: a sandbox may not be"));
  EXPECT_THAT(error_of(read_create(R"({"ttl_seconds": 7201})", options)), HasSubstr("$.ttl_seconds: the longest"));
  EXPECT_TRUE(read_create(R"({"ttl_seconds": 7200})", options));
}

TEST(ReadCreate, BoundsWhatAnAnswerHolds) {
  EXPECT_TRUE(read_create(R"({"limits": {"output": "16M"}})", {}));
  EXPECT_THAT(error_of(read_create(R"({"limits": {"output": "17M"}})", {})), HasSubstr("at most 16"));
}

TEST(ReadCreate, SaysWhereAndWhat) {
  const auto wrong = [](std::string_view body) { return error_of(read_create(body, {})); };
  EXPECT_EQ(wrong("[]"), "the body must be a JSON object");
  EXPECT_EQ(wrong(R"({"ttl_seconds": 0})"), "$.ttl_seconds: a number of seconds, more than 0, is expected");
  EXPECT_EQ(wrong(R"({"ttl_seconds": "x"})").substr(0, 14), "$.ttl_seconds:");
  EXPECT_EQ(wrong(R"({"ttl_seconds": 1e12})").substr(0, 14), "$.ttl_seconds:");
  EXPECT_EQ(wrong(R"({"ttl_seconds": 90000})"), "$.ttl_seconds: the longest time-to-live here is 24h");
  EXPECT_NE(wrong(R"({"templat": "host"})").find("did you mean \"template\""), std::string::npos);
  EXPECT_EQ(wrong(R"({"limits": {"memory": "x"}})").substr(0, 16), "$.limits.memory:");
  EXPECT_EQ(wrong(R"({"limits": {"memory": -1}})").substr(0, 16), "$.limits.memory:");
  EXPECT_EQ(wrong(R"({"limits": {"nonsense": 1}})").substr(0, 18), "$.limits.nonsense:");
  EXPECT_EQ(wrong(R"({"metadata": {"a": 1}})").substr(0, 12), "$.metadata.a");
  const std::string value(4096, 'x');
  EXPECT_EQ(wrong(R"({"metadata": {"a": ")" + value + R"(", "b": ")" + value + R"(", "c": ")" + value + R"(", "d": ")" +
                  value + "\"}}"),
            "$.metadata: longer than 16384 bytes in all");
  EXPECT_EQ(wrong(R"({"volumes": [{"name": "x"}]})"), "volumes are not supported");
  EXPECT_EQ(wrong("{").substr(0, 9), "the body:");
}

TEST(ReadExec, ALineGoesThroughTheShellAndAListDoesNot) {
  const auto line = read_exec(R"({"cmd": "echo hi | wc"})", {});
  ASSERT_TRUE(line) << error_of(line);
  EXPECT_EQ(line->spec.argv, (std::vector<std::string>{"/bin/sh", "-c", "echo hi | wc"}));
  EXPECT_EQ(line->spec.timeout, policy::Limits().timeout);
  const auto list = read_exec(R"({"argv": ["ls", "-l"], "cwd": "/tmp", "timeout_seconds": 1.5})", {});
  ASSERT_TRUE(list) << error_of(list);
  EXPECT_EQ(list->spec.argv, (std::vector<std::string>{"ls", "-l"}));
  EXPECT_EQ(list->spec.cwd, "/tmp");
  EXPECT_EQ(list->spec.timeout, 1500ms);
}

TEST(ReadExec, WhatRunsInTheBackgroundHasNoHiddenDeadline) {
  const auto exec = read_exec(R"({"cmd": "x", "background": true})", {});
  ASSERT_TRUE(exec) << error_of(exec);
  EXPECT_FALSE(exec->spec.timeout);
}

TEST(ReadExec, TheCommandsOwnVariablesWin) {
  policy::Policy policy;
  policy.environment = {{"A", "policy"}, {"B", "policy"}};
  const auto exec = read_exec(R"({"cmd": "x", "env": {"A": "command"}})", policy);
  ASSERT_TRUE(exec) << error_of(exec);
  EXPECT_NE(std::ranges::find(exec->spec.env, "A=command"), exec->spec.env.end());
  EXPECT_NE(std::ranges::find(exec->spec.env, "B=policy"), exec->spec.env.end());
  EXPECT_EQ(std::ranges::find(exec->spec.env, "A=policy"), exec->spec.env.end());
}

TEST(ReadExec, SaysWhereAndWhat) {
  const auto wrong = [](std::string_view body) { return error_of(read_exec(body, {})); };
  EXPECT_EQ(wrong("{}"), "either \"cmd\" (a shell's line) or \"argv\" (a list) is expected");
  EXPECT_EQ(wrong(R"({"argv": []})"), "$.argv: may not be empty");
  EXPECT_EQ(wrong(R"({"cmd": "x", "user": "root"})").substr(0, 7), "$.user:");
  EXPECT_EQ(wrong("{\"cmd\": \"a\\u0000b\"}"), "$.cmd: may not contain a NUL");
  EXPECT_EQ(wrong(R"({"cmd": "x", "env": {"A=B": "c"}})").substr(0, 6), "$.env:");
}

TEST(ReadSignal, ByNameAndNumber) {
  EXPECT_EQ(read_signal("")->number, 15);
  EXPECT_EQ(read_signal(R"({"signal": "SIGINT"})")->number, 2);
  EXPECT_EQ(read_signal(R"({"signal": "KILL"})")->number, 9);
  EXPECT_EQ(read_signal(R"({"signal": 10})")->number, 10);
  EXPECT_FALSE(read_signal(R"({"signal": 0})"));
  EXPECT_FALSE(read_signal(R"({"signal": "SIGNOPE"})"));
}

}  // namespace
}  // namespace brig::api::v1
