#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/golden.h"
#include "runtimes/oci/box.h"
#include "runtimes/oci/inside.h"
#include "runtimes/oci/oci_maker.h"
#include "runtimes/oci/probe.h"
#include "runtimes/oci/program.h"
#include "runtimes/oci/release.h"
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

std::string spec_of(SpecInput input) {
  const LaunchRequest request = request_for(input.wall);
  input.mounts = &request.mounts;
  if (input.wall != Wall::kRunsc) input.covered = {"bus", "interrupts", "kallsyms"};
  if (input.wall != Wall::kRunsc && !input.is_rootless) input.cgroup = "/brig/test-1/box";
  const auto spec = make_spec(input);
  return spec.has_value() ? spread(*spec) : spec.error().message();
}

constexpr std::uint32_t kUser = 1879048193;
constexpr std::uint32_t kZero = 1744830465;

TEST(Spec, OfAContainer) {
  expect_golden("tests/golden/oci/container.json", spec_of({.wall = Wall::kRunc, .user = kUser, .zero = kZero}));
}
TEST(Spec, OfAContainerWithoutRoot) {
  expect_golden("tests/golden/oci/rootless.json", spec_of({.wall = Wall::kRunc, .is_rootless = true}));
}
TEST(Spec, OfGvisor) {
  expect_golden("tests/golden/oci/gvisor.json", spec_of({.wall = Wall::kRunsc, .user = kUser, .zero = kZero}));
}

/// crun leaves out what is mounted below a folder that is bound, so that each of them is named.
TEST(Spec, OfCrunNamesWhatIsMountedInDev) {
  const std::string runc = spec_of({.wall = Wall::kRunc});
  const std::string crun = spec_of({.wall = Wall::kRunc, .is_crun = true});
  for (const char* path : {"/dev/null", "/dev/urandom", "/dev/shm", "/dev/model"}) {
    const std::string mount = "\"source\":\"/box/rootfs" + std::string(path) + "\"";
    EXPECT_THAT(crun, HasSubstr(mount));
    EXPECT_THAT(runc, Not(HasSubstr(mount)));
  }
  EXPECT_THAT(runc, HasSubstr("\"devices\""));
  EXPECT_THAT(crun, Not(HasSubstr("\"devices\""))) << "it would raise a limit that not every root may raise";
  EXPECT_LT(crun.find("\"/dev\""), crun.find("\"/dev/null\"")) << "below the folder's own mount, not under it";
}

std::string box_of(Wall wall, HostReport host = process::full_host()) {
  const LaunchRequest request = request_for(wall);
  if (host.is_root) host.cgroups.freezer = "/cg/unified";
  const auto plan = compile_box({.request = request,
                                 .host = host,
                                 .system = host.root_entries,
                                 .identities = {},
                                 .ids = {.uid = kUser, .gid = kUser},
                                 .spec = "{}",
                                 .cgroups = wall == Wall::kRunsc ? "" : "/cg/unified"},
                                3);
  EXPECT_TRUE(plan.has_value());
  return plan.has_value() ? describe(*plan) : plan.error().message();
}

TEST(Box, OfAContainer) { expect_golden("tests/golden/oci/container.plan", box_of(Wall::kRunc)); }
TEST(Box, OfGvisor) { expect_golden("tests/golden/oci/gvisor.plan", box_of(Wall::kRunsc)); }

TEST(Box, WithoutRootShowsCgroupsAndLetsNobodyWriteThem) {
  const std::string text = box_of(Wall::kRunc, process::rootless_host());
  EXPECT_THAT(text, HasSubstr("bind host /cg/unified at sys/fs/cgroup (nosuid, ro, nodev, noexec)"));
  EXPECT_THAT(text, HasSubstr("write 8 to proc/sys/user/max_inotify_instances"));
}

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
                                 .cgroups = ""},
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

TEST(Possible, OfGvisorOnlyForRoot) {
  const auto possible = is_possible(Wall::kRunsc, process::rootless_host());
  ASSERT_FALSE(possible.has_value());
  EXPECT_THAT(possible.error().message(), HasSubstr("run by root only"));
}

TEST(Possible, OfAContainerWithoutRootWhereverARuntimeIs) {
  const auto found = find_runtime(Wall::kRunc);
  HostReport host = process::rootless_host();
  EXPECT_EQ(is_possible(Wall::kRunc, host).has_value(), found.has_value());
  if (found.has_value() && found->name == "runc") {
    host.cgroups.version = sys::CgroupVersion::kNone;
    const auto possible = is_possible(Wall::kRunc, host);
    ASSERT_FALSE(possible.has_value());
    EXPECT_THAT(possible.error().message(), HasSubstr("runc wants to see one"));
  }
  host.has_user_namespaces = false;
  EXPECT_FALSE(is_possible(Wall::kRunc, host).has_value());
}

TEST(Possible, OfAContainerForRootOnlyWithGroups) {
  HostReport v1_only = process::full_host();
  v1_only.cgroups.freezer.clear();
  const auto possible = is_possible(Wall::kRunc, v1_only);
  ASSERT_FALSE(possible.has_value());
  EXPECT_THAT(possible.error().message(), HasSubstr("no cgroup v2 hierarchy"));
}

TEST(Release, IsADateInWhatTheProgramSays) {
  EXPECT_EQ(release_in("runsc version 0.0~20221219.0\nspec: 1.0.2-dev\n"), 20221219);
  EXPECT_EQ(release_in("runsc version release-20240415.0-31-g1a2b3c4d5\n"), 20240415);
  EXPECT_EQ(release_in("runsc version VERSION_MISSING\n"), std::nullopt);
  EXPECT_EQ(release_in("123456789012 2022"), std::nullopt);
  EXPECT_EQ(release_in(""), std::nullopt);
}

TEST(Release, BreaksListingsUntilStatxKnowsItsFlags) {
  EXPECT_THAT(breaks_in(20230214), HasSubstr("ls and stat"));
  EXPECT_EQ(breaks_in(kKnowsStatxFlags), "");
  EXPECT_EQ(breaks_in(std::nullopt), "");
}

TEST(Release, IsAskedOfTheProgramAndOnlyForSoLong) {
  EXPECT_EQ(release_of({.name = "echo", .path = "/bin/echo", .file = {}}), std::nullopt);
  EXPECT_EQ(release_of({.name = "gone", .path = "/nowhere/runsc", .file = {}}), std::nullopt);
}

}  // namespace
}  // namespace brig::runtimes::oci
