#include "runtimes/process/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing/golden.h"
#include "runtimes/process/testing/hosts.h"

namespace brig::runtimes::process {
namespace {

using testing::Contains;
using testing::HasSubstr;

void expect_plan(const std::string& name, const Result<JailPlan>& plan) {
  ASSERT_TRUE(plan.has_value()) << plan.error().message();
  expect_golden("tests/golden/process/" + name + ".plan", describe(*plan));
}

TEST(Plan, ForRoot) { expect_plan("root", compile(plain_request(), full_host(), {})); }

TEST(Plan, ForAnOrdinaryUser) {
  LaunchRequest request = plain_request();
  request.mounts = {{.host = "/home/me/data.csv", .path = "workspace/data.csv"}};
  expect_plan("rootless", compile(request, rootless_host(), {{.device = 1, .inode = 2}}));
}

TEST(Plan, WithMountsAndCpuTime) {
  LaunchRequest request = plain_request();
  request.cpu_seconds = 5;
  request.mounts = {{.host = "/data", .path = "data/set/one", .is_folder = true},
                    {.host = "/data.csv", .path = "workspace/data.csv"},
                    {.host = "/out", .path = "workspace/out", .is_folder = true, .is_writable = true}};
  expect_plan("mounts", compile(request, full_host(), {}));
}

TEST(Plan, WithoutLandlockHasNoFileRestrictionAndSaysSo) {
  HostReport host = full_host();
  host.landlock_abi = 0;
  const auto plan = compile(plain_request(), host, {});
  ASSERT_TRUE(plan.has_value());
  EXPECT_THAT(describe(*plan), testing::Not(HasSubstr("landlock")));
  EXPECT_THAT(weaknesses_of({}, host), Contains(HasSubstr("no Landlock")));
}

TEST(Plan, IsRefusedWithoutUserNamespaces) {
  HostReport host = full_host();
  host.has_user_namespaces = false;
  host.why_no_user_namespaces = "because";
  const auto plan = compile(plain_request(), host, {});
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code(), Code::kUnsupported);
}

TEST(Plan, TakesTwoThingsAtOnePlaceAsAnError) {
  LaunchRequest request = plain_request();
  request.mounts = {{.host = "/a", .path = "workspace/x"}, {.host = "/b", .path = "workspace/x"}};
  EXPECT_EQ(compile(request, full_host(), {}).error().code(), Code::kInvalidArgument);
}

TEST(HostReport, OnlyARootWithIdsToGiveAwayIsOne) {
  EXPECT_TRUE(maps_outside_ids("         0          0 4294967295\n"));
  EXPECT_FALSE(maps_outside_ids("         0          0          1\n"));
  EXPECT_FALSE(maps_outside_ids("         0       1000          1\n         1     100000      65536\n"));
  EXPECT_TRUE(maps_outside_ids("0 0 65536\n 1000000 1000000 4000000000\n"));
  EXPECT_FALSE(maps_outside_ids(""));
  EXPECT_FALSE(maps_outside_ids("junk"));
}

TEST(Weaknesses, AreNoneForRootOnAFullHost) { EXPECT_TRUE(weaknesses_of({}, full_host()).empty()); }

TEST(Weaknesses, NameTheProcessLimitThatDoesNotBindRoot) {
  HostReport host = rootless_host();
  EXPECT_THAT(weaknesses_of({}, host), Not(Contains(HasSubstr("pids"))));
  host.uid = 0;
  EXPECT_THAT(weaknesses_of({}, host), Contains(HasSubstr("pids: not limited to 64")));
}

TEST(Weaknesses, NameEveryBarARootlessHostCannotEnforce) {
  HostReport host = rootless_host();
  host.has_extra_groups = true;
  const auto list = weaknesses_of({}, host);
  EXPECT_THAT(list, Contains(HasSubstr("shared memory is not limited")));
  EXPECT_THAT(list, Contains(HasSubstr("cpu")));
  EXPECT_THAT(list, Contains(HasSubstr("uid 1234")));
  EXPECT_THAT(list, Contains(HasSubstr("groups")));
}

// The order is the contract: any two neighbouring steps of different phases, exchanged, must be refused.
TEST(Order, EverySwapAcrossPhasesIsRefused) {
  const auto plan = compile(plain_request(), full_host(), {});
  ASSERT_TRUE(plan.has_value());
  ASSERT_TRUE(check_order(*plan).has_value());
  for (std::size_t late = 0; late < plan->steps.size(); ++late) {
    if (!std::holds_alternative<PivotRoot>(plan->steps[late]) &&
        !std::holds_alternative<DropCapabilities>(plan->steps[late]) &&
        !std::holds_alternative<InstallSeccomp>(plan->steps[late]) &&
        !std::holds_alternative<SealRoot>(plan->steps[late])) {
      continue;
    }
    JailPlan wrong = *plan;
    std::swap(wrong.steps[late], wrong.steps[late - 1]);
    EXPECT_FALSE(check_order(wrong).has_value()) << describe(plan->steps[late]);
  }
}

TEST(Order, EveryIndispensableStepIsMissed) {
  const auto plan = compile(plain_request(), full_host(), {});
  ASSERT_TRUE(plan.has_value());
  std::size_t indispensable = 0;
  for (std::size_t i = 0; i < plan->steps.size(); ++i) {
    JailPlan wrong = *plan;
    wrong.steps.erase(wrong.steps.begin() + static_cast<std::ptrdiff_t>(i));
    if (!check_order(wrong).has_value()) ++indispensable;
  }
  EXPECT_EQ(indispensable, 10U);
}

TEST(Encoding, RefusesAPlanThatDoesNotFit) {
  JailPlan plan;
  plan.steps.emplace_back(WriteFile{.path = "x", .text = std::string(200'000, 'a')});
  EXPECT_EQ(encode(plan).error().code(), Code::kExhausted);
}

}  // namespace
}  // namespace brig::runtimes::process
