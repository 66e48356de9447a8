#include "runtimes/process/attest.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include "runtimes/process/maker.h"
#include "runtimes/process/testing/hosts.h"

namespace brig::runtimes::process {
namespace {

TEST(Status, IsRead) {
  const ProcessStatus status = parse_status(
      "Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t00000000000000c0\nCapEff:\t0000000000000000\n"
      "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n");
  EXPECT_EQ(status.capabilities[0], "0");
  EXPECT_EQ(status.capabilities[1], "c0");
  EXPECT_EQ(status.no_new_privs, 1);
  EXPECT_EQ(status.seccomp_mode, 2);
  EXPECT_EQ(status.seccomp_filters, 1);
}

TEST(Status, WhatIsMissingNeverLooksConfined) {
  const ProcessStatus status = parse_status("");
  EXPECT_NE(status.capabilities[0], "0");
  EXPECT_NE(status.no_new_privs, 1);
  EXPECT_NE(status.seccomp_mode, 2);
}

constexpr std::string_view kIds =
    "Uid:\t1879048193\t1879048193\t1879048193\t1879048193\nGid:\t1879048193\t1879048193\t1879048193\t1879048193\n";

std::string with_groups(std::string_view groups) { return std::string(kIds) + std::string(groups); }

TEST(Identity, IsConfirmedOnlyIfAllOfItIsAsPlanned) {
  const Expectation planned{.outside_uid = 1879048193, .outside_gid = 1879048193};
  const std::string map = "      1000 1879048193          1\n";
  const auto confirmed = [&](const std::string& status, const std::string& users, const std::string& groups) {
    return confirm_identity(parse_status(status), users, groups, planned).has_value();
  };
  const std::string good = with_groups("Groups:\t \n");
  EXPECT_TRUE(confirmed(good, map, map));
  for (const char* other : {"      1000          0          1\n", "         0 1879048193          1\n",
                            "      1000 1879048193          2\n",
                            "      1000 1879048193          1\n      1001 1879048194          1\n", ""}) {
    EXPECT_FALSE(confirmed(good, other, map)) << other;
    EXPECT_FALSE(confirmed(good, map, other)) << other;
  }
  EXPECT_FALSE(confirmed(with_groups("Groups:\t0 \n"), map, map)) << "root's group stayed";
  EXPECT_FALSE(confirmed(with_groups("Groups:\tx\n"), map, map));
  EXPECT_FALSE(confirmed(with_groups(""), map, map)) << "the kernel says nothing of groups";
  std::string changed = good;
  changed.replace(changed.find("1879048193\nGid"), 10, "0");
  EXPECT_FALSE(confirmed(changed, map, map)) << "an id of file systems of its own";
  changed = good;
  changed.replace(changed.rfind("1879048193"), 10, "0");
  EXPECT_FALSE(confirmed(changed, map, map));
  EXPECT_FALSE(confirmed("Groups:\t\n", map, map));
}

TEST(Identity, KeepsWithoutRootWhatCannotBeDropped) {
  const Expectation planned{.outside_uid = 1879048193, .outside_gid = 1879048193, .groups = {27, 4}};
  const std::string map = "1000 1879048193 1\n";
  const auto confirmed = [&](std::string_view groups) {
    return confirm_identity(parse_status(with_groups(groups)), map, map, planned).has_value();
  };
  EXPECT_TRUE(confirmed("Groups:\t4 27 \n"));
  EXPECT_FALSE(confirmed("Groups:\t4 \n"));
  EXPECT_FALSE(confirmed("Groups:\t4 27 100 \n"));
}

RC_GTEST_PROP(Status, NeverCrashes, (const std::string& text)) { (void)parse_status(text); }

// An unconfined process must never be attested: this test program itself is one.
TEST(Attest, RefusesAProcessThatIsNotConfined) {
  auto outside = read_outside(asked_limits(plain_request()), full_host(), nullptr);
  ASSERT_TRUE(outside.has_value()) << outside.error().message();
  const auto result = attest(::getpid(), full_host(), *std::move(outside), {});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), Code::kInternal);
}

}  // namespace
}  // namespace brig::runtimes::process
