#include "policy/validate.h"

#include <gtest/gtest.h>

namespace brig::policy {
namespace {

std::string error_of(const Policy& policy) {
  const auto result = validate(policy);
  return result.has_value() ? "no error" : result.error().message();
}

Policy with_mount(std::string_view from, std::string_view to) {
  Policy policy;
  policy.mounts.push_back({*HostPath::parse(from), *GuestPath::parse(to), Access::kReadOnly});
  return policy;
}

TEST(Validate, MountsMayBeWhereNothingBreaks) {
  for (const char* to : {"/data", "/mnt/x", "/workspace/a", "/workspace/a/b", "/tmp/x", "/home/user/x", "/home/other",
                         "/opt", "/library", "/procedures", "/tmp/.brigand"}) {
    EXPECT_EQ(error_of(with_mount("/srv", to)), "no error") << to;
  }
}

TEST(Validate, MountsMayNotReplaceTheSandboxItself) {
  for (const char* to : {"/",
                         "/proc",
                         "/proc/1",
                         "/sys/fs",
                         "/dev",
                         "/dev/shm",
                         "/dev/shm/x",
                         "/etc",
                         "/etc/passwd",
                         "/usr",
                         "/usr/lib/x",
                         "/bin",
                         "/sbin/x",
                         "/lib",
                         "/lib64",
                         "/lib32",
                         "/libx32",
                         "/tmp",
                         "/workspace",
                         "/home",
                         "/home/user",
                         "/tmp/.brig",
                         "/tmp/.brig/main.py"}) {
    EXPECT_TRUE(error_of(with_mount("/srv", to)).starts_with("mount.to: ")) << to;
  }
  EXPECT_EQ(
      error_of(with_mount("/srv", "/etc/x")),
      "mount.to: \"/etc/x\" is in the sandbox's own /etc: choose a place in /workspace or a folder such as /data");
  EXPECT_EQ(
      error_of(with_mount("/srv", "/home")),
      "mount.to: \"/home\" would hide the sandbox's own /home/user: choose a place in it, or a folder such as /data");
}

TEST(Validate, TheHostsKernelIsNotShown) {
  for (const char* from : {"/", "/proc", "/proc/1/root", "/sys", "/dev", "/dev/sda"}) {
    EXPECT_TRUE(error_of(with_mount(from, "/data")).starts_with("mount.from: ")) << from;
  }
  for (const char* from : {"/dev/shm", "/dev/shm/x", "/process", "/home/me"}) {
    EXPECT_EQ(error_of(with_mount(from, "/data")), "no error") << from;
  }
}

TEST(Validate, MountsMayNotMeet) {
  Policy policy = with_mount("/a", "/data/x");
  policy.mounts.push_back({*HostPath::parse("/b"), *GuestPath::parse("/data/x"), Access::kReadOnly});
  EXPECT_EQ(error_of(policy), "mount.to: two mounts are at \"/data/x\"");
  policy.mounts[1].to = *GuestPath::parse("/data");
  EXPECT_EQ(error_of(policy),
            "mount.to: the mounts at \"/data/x\" and \"/data\" lie inside each other: put them side by side");
  policy.mounts[1].to = *GuestPath::parse("/data/x/y");
  EXPECT_NE(error_of(policy), "no error");
  policy.mounts[1].to = *GuestPath::parse("/data/xy");
  EXPECT_EQ(error_of(policy), "no error");
}

TEST(Validate, MountsAreCounted) {
  Policy policy;
  for (std::size_t i = 0; i < kMostMounts; ++i) {
    policy.mounts.push_back(
        {*HostPath::parse("/a"), *GuestPath::parse("/data/" + std::to_string(i)), Access::kReadOnly});
  }
  EXPECT_EQ(error_of(policy), "no error");
  policy.mounts.push_back({*HostPath::parse("/a"), *GuestPath::parse("/data/more"), Access::kReadOnly});
  EXPECT_EQ(error_of(policy), "mount: more than 64 mounts: mount the folder that holds them instead");
}

TEST(Validate, PathsAreUtf8) {
  EXPECT_EQ(error_of(with_mount("/a\xff", "/data")), "mount.from: the path \"/a\\xff\" is not UTF-8");
  EXPECT_EQ(error_of(with_mount("/a", "/data\xff")), "mount.to: the path \"/data\\xff\" is not UTF-8");
}

TEST(Validate, VariablesAreWhatAnEnvironmentCanHold) {
  const auto of = [](std::string name, std::string value) {
    Policy policy;
    policy.environment.push_back({std::move(name), std::move(value)});
    return error_of(policy);
  };
  EXPECT_EQ(of("LD_PRELOAD", "/x.so"), "no error");  // harmless: it reaches only the program inside
  EXPECT_EQ(of("_a1", ""), "no error");
  for (const char* name : {"", "1A", "A B", "A=B", "A-B", "Ä"}) {
    EXPECT_TRUE(of(name, "x").starts_with("environment: ")) << name;
  }
  EXPECT_EQ(of("A", std::string("a\0b", 3)), "environment.A: the value contains a NUL byte");
  EXPECT_EQ(of("A", "\xff"), "environment.A: the value is not UTF-8");
  EXPECT_EQ(of("A", std::string(kMostEnvironmentBytes - 3, 'x')), "no error");
  EXPECT_EQ(of("A", std::string(kMostEnvironmentBytes - 2, 'x')),
            "environment: the variables have 65537 bytes, which is more than 64K: pass a file instead");
  Policy policy;
  policy.environment = {{"A", "1"}, {"A", "2"}};
  EXPECT_EQ(error_of(policy), "environment.A: the variable is set twice");
}

TEST(Validate, KeysAreInRangeAlsoWhenCodeSetThem) {
  Policy policy;
  policy.limits.memory = mebibytes(1);
  EXPECT_EQ(error_of(policy),
            "limits.memory: 1M is out of range: write a number of bytes, 64K, 256M or 1.5G, from 4M to 16T");
  policy = {};
  policy.limits.timeout = Milliseconds(-5);
  EXPECT_TRUE(error_of(policy).starts_with("limits.timeout: -5ms is out of range"));
  policy = {};
  policy.limits.memory = Bytes{UINT64_MAX};
  EXPECT_TRUE(error_of(policy).starts_with("limits.memory: "));
  policy = {};
  policy.require = static_cast<Boundary>(9);
  EXPECT_TRUE(error_of(policy).starts_with("require.boundary: 9 is out of range"));
}

TEST(Validate, KeysAgreeWithEachOther) {
  Policy policy;
  policy.limits.output_total = kibibytes(512);
  EXPECT_TRUE(error_of(policy).starts_with("limits.output_total: 512K is less than limits.output, 1M"));
  policy = {};
  policy.network.rules.push_back({.host = "example.org"});
  EXPECT_EQ(error_of(policy), "network: there are rules, but the mode is none");
}

}  // namespace
}  // namespace brig::policy
