#include "runtimes/process/attest.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

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

TEST(RootMount, IsJudgedByItsOptions) {
  EXPECT_TRUE(is_root_read_only("1 2 0:3 / /usr rw - ext4 x y\n4 5 0:6 / / ro,nosuid,nodev - tmpfs none rw\n"));
  EXPECT_FALSE(is_root_read_only("4 5 0:6 / / rw,nosuid - tmpfs none rw\n"));
  EXPECT_FALSE(is_root_read_only("4 5 0:6 / /usr ro - tmpfs none rw\n"));
  EXPECT_FALSE(is_root_read_only("4 5 0:6 / / rock - tmpfs none rw\n"));
  EXPECT_FALSE(is_root_read_only(""));
}

RC_GTEST_PROP(Status, NeverCrashes, (const std::string& text)) { (void)parse_status(text); }
RC_GTEST_PROP(RootMount, NeverCrashes, (const std::string& text)) { (void)is_root_read_only(text); }

// An unconfined process must never be attested: this test program itself is one.
TEST(Attest, RefusesAProcessThatIsNotConfined) {
  const auto result = attest(::getpid(), plain_request(), full_host(), nullptr, {});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), Code::kInternal);
}

}  // namespace
}  // namespace brig::runtimes::process
