#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/golden.h"
#include "runtimes/oci/box.h"
#include "runtimes/oci/inside.h"
#include "runtimes/oci/oci_maker.h"
#include "runtimes/oci/probe.h"
#include "runtimes/oci/spec.h"
#include "runtimes/process/testing/hosts.h"

namespace brig::runtimes::oci {
namespace {

using process::HostReport;
using process::LaunchRequest;
using process::Wall;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

LaunchRequest request_for(Wall wall) {
  LaunchRequest request = process::plain_request();
  request.wall = wall;
  request.mounts = {{.host = "/data.csv", .path = "workspace/data.csv"},
                    {.host = "/model", .path = "dev/model", .is_folder = true}};
  return request;
}

/// One key a line, so that a difference in review is a line.
std::string spread(const std::string& json) {
  std::string text;
  int depth = 0;
  bool is_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') is_text = !is_text;
    if (!is_text && (c == '}' || c == ']')) --depth;
    text += c;
    if (!is_text && (c == '{' || c == '[')) ++depth;
    if (!is_text && depth < 5 && (c == ',' || c == '{' || c == '['))
      text += "\n" + std::string(static_cast<std::size_t>(depth), ' ');
  }
  return text + "\n";
}

std::string spec_of(Wall wall) {
  const LaunchRequest request = request_for(wall);
  SpecInput input{.wall = wall, .user = 1879048193, .zero = 1744830465, .mounts = &request.mounts};
  if (wall != Wall::kRunsc) {
    input.cgroup = "/brig/test-1/box";
    input.covered = {"bus", "interrupts", "kallsyms"};
  }
  return spread(make_spec(input));
}

TEST(Spec, OfAContainer) { expect_golden("tests/golden/oci/container.json", spec_of(Wall::kRunc)); }
TEST(Spec, OfGvisor) { expect_golden("tests/golden/oci/gvisor.json", spec_of(Wall::kRunsc)); }

std::string box_of(Wall wall) {
  const LaunchRequest request = request_for(wall);
  HostReport host = process::full_host();
  host.cgroups.freezer = "/cg/unified";
  const auto plan = compile_box({.request = request,
                                 .host = host,
                                 .system = host.root_entries,
                                 .identities = {},
                                 .ids = {.uid = 1879048193, .gid = 1879048193},
                                 .spec = "{}",
                                 .cgroup_v2 = wall == Wall::kRunsc ? "" : "/cg/unified"},
                                3);
  EXPECT_TRUE(plan.has_value());
  return plan.has_value() ? describe(*plan) : plan.error().message();
}

TEST(Box, OfAContainer) { expect_golden("tests/golden/oci/container.plan", box_of(Wall::kRunc)); }
TEST(Box, OfGvisor) { expect_golden("tests/golden/oci/gvisor.plan", box_of(Wall::kRunsc)); }

// An image's root is its own; what the runtime's program is linked with is the host's.
TEST(Box, OfAnImageKeepsTheHostsLibrariesForTheRuntime) {
  LaunchRequest request = request_for(Wall::kRunc);
  request.image = std::string(64, 'a');
  const HostReport host = process::full_host();
  HostReport inside = host;
  inside.root_entries = {{"opt", ""}};
  const auto plan = compile_box({.request = request,
                                 .host = inside,
                                 .system = host.root_entries,
                                 .identities = {},
                                 .ids = {.uid = 1, .gid = 1},
                                 .spec = "{}",
                                 .cgroup_v2 = ""},
                                0);
  ASSERT_TRUE(plan.has_value());
  const std::string text = describe(*plan);
  EXPECT_THAT(text, HasSubstr("link lib64 -> usr/lib64"));
  EXPECT_THAT(text, HasSubstr("bind usr/opt at opt"));
  EXPECT_LT(text.find("bind host /usr at usr"), text.find("enter a root"));
  EXPECT_EQ(text.find("bind host /usr at usr", text.find("enter a root")), std::string::npos);
}

TEST(Inside, IsTheSamePlanAsInTheProcessWall) {
  const HostReport host = process::full_host();
  const auto process_plan = process::compile(request_for(Wall::kProcess), host, {});
  ASSERT_TRUE(process_plan.has_value());
  const std::string whole = describe(*process_plan);
  for (const process::Step& step : compile_inside(request_for(Wall::kRunc), host).steps)
    EXPECT_THAT(whole, HasSubstr(describe(step)));
}

TEST(Inside, HasTheFilterLastOnEveryWall) {
  for (const Wall wall : {Wall::kRunc, Wall::kRunsc}) {
    const auto plan = compile_inside(request_for(wall), process::full_host());
    ASSERT_TRUE(std::holds_alternative<process::InstallSeccomp>(plan.steps.back()));
    EXPECT_EQ(std::get<process::InstallSeccomp>(plan.steps.back()).program, process::seccomp_program().bytes);
  }
}

TEST(Inside, AsksGvisorForNothingItRefuses) {
  const std::string text = describe(compile_inside(request_for(Wall::kRunsc), process::full_host()));
  EXPECT_THAT(text, Not(HasSubstr("landlock")));
  EXPECT_THAT(text, Not(HasSubstr("msgqueue")));
  EXPECT_THAT(text, HasSubstr("limit nproc 65"));
}

TEST(Limits, AreThoseAskedForButForGvisorsOwnPrograms) {
  const LaunchRequest request = request_for(Wall::kRunc);
  const auto container = maker_of(Wall::kRunc)->limits(request);
  EXPECT_EQ(container.memory, request.memory);
  EXPECT_EQ(container.pids, request.pids + 1) << "the nanny is in the group";
  EXPECT_GT(maker_of(Wall::kRunc)->making_limits(request).memory, request.memory);
  EXPECT_EQ(maker_of(Wall::kRunsc)->limits(request).memory.count, request.memory.count + kSentryMemory.count);
  EXPECT_EQ(maker_of(Wall::kRunsc)->limits(request).cpu_millis, request.cpu_millis);
}

TEST(Weaknesses, OfGvisorAreNamedAndNotTheKernelsLandlock) {
  HostReport host = process::full_host();
  EXPECT_THAT(weaknesses_of(Wall::kRunc, {}, host), ElementsAre());
  host.landlock_abi = 0;
  EXPECT_THAT(weaknesses_of(Wall::kRunc, {}, host), Contains(HasSubstr("Landlock")));
  EXPECT_THAT(weaknesses_of(Wall::kRunsc, {}, host), Not(Contains(HasSubstr("Landlock"))));
  EXPECT_THAT(weaknesses_of(Wall::kRunsc, {}, host), Contains(HasSubstr("nobody")));
  policy::Limits limits;
  EXPECT_THAT(weaknesses_of(Wall::kRunsc, limits, host), Not(Contains(HasSubstr("cpu_time"))));
  limits.cpu_time = Milliseconds(1000);
  EXPECT_THAT(weaknesses_of(Wall::kRunsc, limits, host), Contains(HasSubstr("cpu_time")));
}

TEST(Possible, OnlyForRootWithGroups) {
  for (const Wall wall : {Wall::kRunc, Wall::kRunsc}) {
    const auto possible = is_possible(wall, process::rootless_host());
    ASSERT_FALSE(possible.has_value());
    EXPECT_THAT(possible.error().message(), HasSubstr("run by root only"));
  }
  HostReport v1_only = process::full_host();
  v1_only.cgroups.freezer.clear();
  const auto possible = is_possible(Wall::kRunc, v1_only);
  ASSERT_FALSE(possible.has_value());
  EXPECT_THAT(possible.error().message(), HasSubstr("no cgroup v2 hierarchy"));
}

}  // namespace
}  // namespace brig::runtimes::oci
