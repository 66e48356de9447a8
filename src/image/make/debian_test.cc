#include "image/make/debian.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "image/make/debian_scripts.h"
#include "image/testing/scratch_folder.h"
#include "sys/process.h"

namespace brig::image {
namespace {

using Kind = AptStep::Kind;

FetchedPackages fetched() {
  return {.folder = "/nowhere",
          .essential = {"dash", "libc6"},
          .steps = {{Kind::kUnpack, "libc6", "2.36-9", "amd64"},
                    {Kind::kUnpack, "dash", "0.5.12", "amd64"},
                    {Kind::kConfigure, "libc6", "2.36-9", "amd64"},
                    {Kind::kConfigure, "dash", "0.5.12", "amd64"},
                    {Kind::kUnpack, "jq", "1:1.6-2", "amd64"},
                    {Kind::kConfigure, "jq", "1:1.6-2", "amd64"}}};
}

/// The script that ends an installation, on a folder instead of a root.
class FinishDebian : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/dpkg-query", X_OK) != 0) GTEST_SKIP() << "dpkg-query is not installed";
    std::filesystem::create_directories(root_ + "/var/lib/dpkg/info");
    std::filesystem::create_directories(job_);
    std::ofstream(root_ + "/var/lib/dpkg/status")
        << "Package: jq\nStatus: install ok installed\nVersion: 1.6-2\nArchitecture: all\nMaintainer: x\n"
           "Description: x\n";
  }

  int finish(const Definition& definition) {
    if (!write_job(job_, definition, fetched())) return -1;
    const std::array<std::string, 5> arguments{"-c", std::string(kFinishDebian), "finish", root_, job_};
    const std::array<std::string, 1> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    const std::array<sys::Inherited, 2> fds{{{FdRef(1), 1}, {FdRef(2), 2}}};
    auto child = sys::spawn("/bin/sh", arguments, environment, fds);
    if (!child) return -1;
    const auto end = child->wait();
    return end && !end->is_signal ? end->value : -1;
  }

  testing::ScratchFolder scratch_;
  std::string root_ = scratch_ / "it's a root";
  std::string job_ = scratch_ / "it's a job";
};

TEST_F(FinishDebian, WhatIsPurgedNeedNotBeInstalled) {
  EXPECT_EQ(finish({.packages = {"jq"}, .purge = {"nothing-like-this*", "g++*"}}), 0);
}

TEST_F(FinishDebian, WhatIsRemovedGoesAndTheRestStays) {
  std::ofstream(root_ + "/var/file") << "x";
  std::ofstream(root_ + "/var/kept") << "x";
  EXPECT_EQ(finish({.packages = {"jq"}, .remove = {"/var/fi*"}}), 0);
  EXPECT_FALSE(std::filesystem::exists(root_ + "/var/file"));
  EXPECT_TRUE(std::filesystem::exists(root_ + "/var/kept"));
}

TEST_F(FinishDebian, NothingIsYoungerThanTheDateThatAllGet) {
  constexpr std::int64_t kOld = 1'000'000'000;
  constexpr std::int64_t kNewest = 1'700'000'000;
  std::ofstream(root_ + "/var/new") << "x";
  std::ofstream(root_ + "/var/old") << "x";
  std::filesystem::create_symlink("nowhere", root_ + "/var/link");
  const std::array<timespec, 2> times{{{.tv_sec = kOld, .tv_nsec = 0}, {.tv_sec = kOld, .tv_nsec = 0}}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (root_ + "/var/old").c_str(), times.data(), 0), 0);
  EXPECT_EQ(finish({.packages = {"jq"}}), 0);
  const auto time_of = [this](const char* name) {
    struct stat status{};
    return ::lstat((root_ + name).c_str(), &status) == 0 ? std::int64_t{status.st_mtim.tv_sec} : -1;
  };
  EXPECT_EQ(time_of("/var/new"), kNewest);
  EXPECT_EQ(time_of("/var/link"), kNewest);
  EXPECT_EQ(time_of("/var"), kNewest);
  EXPECT_EQ(time_of("/var/old"), kOld);
}

TEST(DebianJob, EssentialPackagesComeFirstAndOnce) {
  const testing::ScratchFolder scratch;
  const auto written = write_job(
      scratch.path(),
      {.packages = {"jq"}, .exclude = {"/usr/share/doc/*"}, .remove = {"/usr/lib/*/tests"}, .purge = {"g++*"}},
      fetched());
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ(scratch.text("essential"), "libc6_2.36-9_amd64.deb\ndash_0.5.12_amd64.deb\n");
  EXPECT_EQ(scratch.text("steps"), "unpack jq_1%3a1.6-2_amd64.deb\nconfigure jq\n");
  EXPECT_EQ(scratch.text("exclude"), "/usr/share/doc/*\n");
  EXPECT_EQ(scratch.text("exclude.tar"), "./usr/share/doc/*\n");
  EXPECT_EQ(scratch.text("purge"), "g++*\n");
  EXPECT_EQ(scratch.text("remove"), "/usr/lib/*/tests\n");
}

TEST(InstalledPackages, TheSandboxIsBelievedOnlyWhatWasFetched) {
  const std::vector<std::string> expected{"dash=0.5.12", "jq=1:1.6-2"};
  EXPECT_EQ(installed_packages("jq=1:1.6-2\nevil=1\njq=1:1.6-3\ndash=0.5.12\njq=1:1.6-2\n\n=\nlibc6=", fetched()),
            expected);
}

}  // namespace
}  // namespace brig::image
