#include "runtimes/process/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing/golden.h"
#include "policy/scratch.h"
#include "runtimes/process/testing/hosts.h"

namespace brig::runtimes::process {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

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

TEST(Plan, OfAnImage) {
  LaunchRequest request = plain_request();
  request.image = std::string(64, 'a');
  request.mounts = {{.host = "/data.csv", .path = "workspace/data.csv"}};
  HostReport host = full_host();
  host.root_entries = {{"bin", "usr/bin"}, {"etc", ""}, {"home", ""}, {"opt", ""}, {"start.sh", "", true}};
  expect_plan("image", compile(request, host, {}));
}

TEST(Plan, OfARootThatCanBeWritten) {
  LaunchRequest request = plain_request();
  request.is_writable = true;
  request.layers = 1;
  request.mounts = {{.host = "/brig-worker", .path = "dev/.worker"}};
  expect_plan("writable", compile(request, full_host(), {}));
  request.mounts = {{.host = "/data", .path = "data"}};
  EXPECT_EQ(compile(request, full_host(), {}).error().code(), Code::kInvalidArgument) << "a link may lead elsewhere";
}

TEST(Plan, OfMoreScratchThanMemoryTakesItFromTheDiskWhereThatCanBe) {
  LaunchRequest request = plain_request();
  const Bytes room = policy::scratch_room(request.memory, request.inodes);
  request.disk = Bytes{room.count + 1};
  HostReport host = full_host();
  EXPECT_THAT(describe(*compile(request, host, {})), HasSubstr("tmpfs at tmp"));
  host.has_disk_scratch = true;
  EXPECT_THAT(describe(*compile(request, host, {})), HasSubstr("attach the mount in slot 3 at tmp"));
  request.disk = room;
  EXPECT_THAT(describe(*compile(request, host, {})), HasSubstr("tmpfs at tmp"));
}

TEST(Plan, OfMoreScratchThanMemoryHoldsNoMoreThanLeavesTheAgentAliveWhereThereIsNoDisk) {
  LaunchRequest request = plain_request();
  request.disk = gibibytes(1);
  LaunchRequest fitting = request;
  fitting.disk = policy::scratch_room(request.memory, request.inodes);
  EXPECT_EQ(describe(*compile(request, full_host(), {})), describe(*compile(fitting, full_host(), {})));
  policy::Limits limits;
  limits.disk = request.disk;
  EXPECT_THAT(weaknesses_of(limits, full_host()), Contains(HasSubstr("disk: no more than 214M of the 1G fit")));
  HostReport host = full_host();
  host.has_disk_scratch = true;
  EXPECT_THAT(weaknesses_of(limits, host), IsEmpty());
  limits.disk = mebibytes(100);
  EXPECT_THAT(weaknesses_of(limits, full_host()), IsEmpty());
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

TEST(Weaknesses, NameACrashHandlerThatCannotBeKeptFromStarting) {
  HostReport host = full_host();
  host.core_limit = 0;
  EXPECT_TRUE(weaknesses_of({}, host).empty());
  host.has_core_handler = true;
  EXPECT_THAT(weaknesses_of({}, host), Contains(HasSubstr("crash handler")));
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
