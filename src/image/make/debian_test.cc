#include "image/make/debian.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "image/testing/scratch_folder.h"
#include "sys/process.h"

namespace brig::image {
namespace {

/// As mmdebstrap runs it.
int run_hook(const std::string& hook, const std::string& root, const std::string& packages) {
  const std::array<std::string, 4> arguments{"-c", hook, "exec", root};
  const std::array<std::string, 2> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "BRIG_PACKAGES=" + packages};
  const std::array<sys::Inherited, 2> fds{{{FdRef(1), 1}, {FdRef(2), 2}}};
  auto child = sys::spawn("/bin/sh", arguments, environment, fds);
  if (!child) return -1;
  const auto end = child->wait();
  return end && !end->is_signal ? end->value : -1;
}

class DebianHooks : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/dpkg-query", X_OK) != 0) GTEST_SKIP() << "dpkg-query is not installed";
    std::filesystem::create_directories(root_ + "/var/lib/dpkg/info");
    std::ofstream(root_ + "/var/lib/dpkg/status")
        << "Package: jq\nStatus: install ok installed\nVersion: 1.6-2\nArchitecture: all\nMaintainer: x\n"
           "Description: x\n";
  }
  testing::ScratchFolder scratch_;
  std::string root_ = scratch_ / "it's a root";
  std::string packages_ = scratch_ / "it's a list";
};

TEST_F(DebianHooks, WhatIsPurgedNeedNotBeInstalled) {
  const auto hooks = debian_hooks({.packages = {"jq"}, .purge = {"nothing-like-this*", "g++*"}});
  EXPECT_EQ(run_hook(hooks.front(), root_, packages_), 0);
}

TEST_F(DebianHooks, FoldersMayHaveAnyName) {
  std::ofstream(root_ + "/var/file") << "x";
  std::ofstream(root_ + "/var/kept") << "x";
  for (const std::string& hook : debian_hooks({.packages = {"jq"}, .remove = {"/var/fi*"}}))
    EXPECT_EQ(run_hook(hook, root_, packages_), 0) << hook;
  std::ifstream list(packages_);
  std::string line;
  std::getline(list, line);
  EXPECT_EQ(line, "jq=1.6-2");
  EXPECT_FALSE(std::filesystem::exists(root_ + "/var/file"));
  EXPECT_TRUE(std::filesystem::exists(root_ + "/var/kept"));
}

}  // namespace
}  // namespace brig::image
