#include "sys/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace brig::sys {
namespace {

/// A folder of this test's.
class RemoveTree : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/brig-file-test-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { (void)remove_tree(folder_); }

  [[nodiscard]] bool is_there(const std::string& name) const {
    struct stat info = {};
    return ::lstat((folder_ + name).c_str(), &info) == 0;
  }

  std::string folder_;
};

TEST_F(RemoveTree, MayBeDeeperThanThereAreDescriptors) {
  constexpr int kDepth = 600;
  ASSERT_EQ(::mkdir((folder_ + "/t").c_str(), 0700), 0);
  Fd at(::open((folder_ + "/t").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < kDepth; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0700), 0);
    ASSERT_TRUE(Fd(::openat(at.get(), "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).is_open());
    at = Fd(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(at.is_open());
  }
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 100, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  const auto removed = remove_tree(folder_ + "/t");
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(removed.has_value()) << removed.error().message();
  EXPECT_FALSE(is_there("/t"));
}

TEST_F(RemoveTree, FollowsNoLink) {
  ASSERT_EQ(::mkdir((folder_ + "/kept").c_str(), 0700), 0);
  ASSERT_TRUE(Fd(::open((folder_ + "/kept/file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).is_open());
  ASSERT_EQ(::mkdir((folder_ + "/t").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("../kept", (folder_ + "/t/link").c_str()), 0);
  ASSERT_EQ(::symlink("kept", (folder_ + "/link").c_str()), 0);
  EXPECT_TRUE(remove_tree(folder_ + "/t").has_value());
  EXPECT_TRUE(remove_tree(folder_ + "/link").has_value());
  EXPECT_FALSE(is_there("/t"));
  EXPECT_FALSE(is_there("/link"));
  EXPECT_TRUE(is_there("/kept/file"));
}

TEST_F(RemoveTree, TakesAFileAndWhatIsNotThere) {
  ASSERT_TRUE(Fd(::open((folder_ + "/file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).is_open());
  EXPECT_TRUE(remove_tree(folder_ + "/file").has_value());
  EXPECT_FALSE(is_there("/file"));
  EXPECT_TRUE(remove_tree(folder_ + "/nothing").has_value());
}

}  // namespace
}  // namespace brig::sys
