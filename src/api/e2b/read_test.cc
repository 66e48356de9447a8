#include "api/e2b/read.h"

#include <gmock/gmock.h>

namespace brig::api::e2b {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Create, ReadsWhatThePublishedClientsSend) {
  const auto old = read_create(
      R"({"templateID":"base","metadata":{"sandboxTestId":"test-x"},"envVars":{"FOO":"bar"},"timeout":60,"secure":true,"allow_internet_access":true})",
      false);
  ASSERT_TRUE(old.has_value()) << old.error().message();
  EXPECT_EQ(old->life.timeout, Milliseconds{60'000});
  EXPECT_THAT(old->environment, ElementsAre(policy::Variable{"FOO", "bar"}));
  EXPECT_THAT(old->metadata, ElementsAre(policy::Variable{"sandboxTestId", "test-x"}));
  const auto empty = read_create("", true);
  ASSERT_TRUE(empty.has_value());
  EXPECT_EQ(empty->template_id, "base");
  EXPECT_EQ(empty->life.timeout, Milliseconds{300'000});
  EXPECT_TRUE(empty->life.network.is_public);
  EXPECT_EQ(read_create("{}", false)->life.timeout, Milliseconds{15'000});
}

TEST(Create, DenialsOfTheNetworkAreTakenAndWhatNeedsAWayOutIsNot) {
  EXPECT_TRUE(read_create(R"({"allow_internet_access": false})", true).has_value());
  const auto denied = read_create(R"({"network": {"denyOut": ["0.0.0.0/0"], "allowOut": [], "rules": {}}})", true);
  ASSERT_TRUE(denied.has_value()) << denied.error().message();
  EXPECT_THAT(denied->life.network.deny_out, ElementsAre("0.0.0.0/0"));
  for (const char* body :
       {R"({"network": {"allowOut": ["1.1.1.1"]}})", R"({"network": {"rules": {"a.example": [{}]}}})",
        R"({"network": {"egressProxy": {"address": "p:1"}}})"}) {
    const auto refused = read_create(body, true);
    ASSERT_FALSE(refused.has_value()) << body;
    EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(refused.error().message(), HasSubstr("no network"));
  }
}

TEST(Create, RefusesWhatCannotBeHadAndWhatDoesNotFitTogether) {
  for (const char* body :
       {R"({"timeout": 0})", R"({"timeout": "long"})", R"({"autoPauseMemory": false})", R"({"templateID": ""})",
        R"({"autoPause": true, "autoPauseMemory": false, "autoResume": {"enabled": true}})", R"([])", R"({)",
        R"({"volumeMounts": [{"name": "a", "path": "/a"}]})", R"({"iam": {"tokens": {"a": {}}}})",
        R"({"mcp": {"x": {}}})", R"({"network": {"maskRequestHost": "a b"}})", R"({"network": {"httpsPorts": [8443]}})",
        R"({"metadata": {"a": 1}})", R"({"envVars": {"A=B": "c"}})"})
    EXPECT_EQ(read_create(body, true).error().code(), Code::kInvalidArgument) << body;
  EXPECT_EQ(read_create(R"({"autoPause": true, "autoPauseMemory": false})", true).error().code(), Code::kUnsupported);
  EXPECT_FALSE(read_create(R"({"secure": false, "network": {"allowPublicTraffic": false}})", false).has_value());
  EXPECT_TRUE(read_create(R"({"network": {"allowPublicTraffic": false}})", true).has_value());
}

TEST(Others, AreReadWithTheirDefaults) {
  EXPECT_EQ(read_connect("{}")->timeout, Milliseconds{300'000});
  EXPECT_EQ(read_connect(R"({"memory": false})").error().code(), Code::kUnsupported);
  EXPECT_EQ(*read_timeout(R"({"timeout": -5})", kTimeoutUsual), Milliseconds{0});
  EXPECT_EQ(*read_timeout("", kTimeoutUsual), kTimeoutUsual);
  EXPECT_TRUE(read_pause("").has_value());
  EXPECT_EQ(read_pause(R"({"memory": false})").error().code(), Code::kUnsupported);
  EXPECT_EQ(read_fork("")->count, 1U);
  EXPECT_FALSE(read_fork(R"({"count": 0})").has_value());
  EXPECT_FALSE(read_fork(R"({"count": 101})").has_value());
  EXPECT_EQ(*read_snapshot(R"({"name": "mine"})"), "mine");
}

TEST(NetworkUpdate, ClearsWhatItDoesNotNameAndLeavesWhoMayCome) {
  const Network now{.deny_out = {"1.1.1.1"}, .is_public = false, .mask_host = "a"};
  const auto updated = read_network_update("{}", now);
  ASSERT_TRUE(updated.has_value());
  EXPECT_TRUE(updated->deny_out.empty());
  EXPECT_FALSE(updated->is_public);
  EXPECT_FALSE(read_network_update(R"({"allowOut": ["1.1.1.1"]})", now).has_value());
}

}  // namespace
}  // namespace brig::api::e2b
