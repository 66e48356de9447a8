#include "sys/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sys/file.h"

namespace brig::sys {
namespace {

namespace fs = std::filesystem;

/// A folder that looks like a cgroup file system: the kernel would make the control files, here the test does.
class FakeTree : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "brig-cgroup-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  void file(const std::string& path, const std::string& text) {
    fs::create_directories((root_ + path).substr(0, (root_ + path).rfind('/')));
    std::ofstream(root_ + path) << text;
  }
  std::string text(const std::string& path) {
    std::ifstream in(root_ + path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string root_;
};

constexpr std::string_view kV1 =
    "30 20 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "31 20 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
    "32 20 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
constexpr std::string_view kV2 = "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

TEST_F(FakeTree, V1IsFoundPerController) {
  for (const char* name : {"memory", "pids", "cpu,cpuacct"}) fs::create_directories(root_ + "/sys/fs/cgroup/" + name);
  const CgroupTree tree = find_cgroup_tree(kV1, "", root_);
  EXPECT_EQ(tree.version, CgroupVersion::kV1);
  EXPECT_EQ(tree.memory, root_ + "/sys/fs/cgroup/memory");
  EXPECT_EQ(tree.cpu, root_ + "/sys/fs/cgroup/cpu,cpuacct");
  EXPECT_TRUE(tree.has_all());
}

TEST_F(FakeTree, HybridTakesEachControllerWhereItIs) {
  for (const char* name : {"memory", "pids", "cpu,cpuacct", "unified"})
    fs::create_directories(root_ + "/sys/fs/cgroup/" + name);
  file("/sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n");
  const CgroupTree tree = find_cgroup_tree(
      std::string(kV1) + "33 20 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "0::/\n", root_);
  EXPECT_EQ(tree.version, CgroupVersion::kHybrid);
  EXPECT_EQ(tree.memory, root_ + "/sys/fs/cgroup/memory");
}

TEST_F(FakeTree, V2AsRootUsesTheTop) {
  file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
  const CgroupTree tree = find_cgroup_tree(kV2, "0::/user.slice\n", root_);
  EXPECT_EQ(tree.version, CgroupVersion::kV2);
  EXPECT_EQ(tree.memory, root_ + "/sys/fs/cgroup");
  EXPECT_TRUE(tree.has_all());
}

TEST_F(FakeTree, V2WithoutTheMemoryControllerIsNotEnough) {
  file("/sys/fs/cgroup/cgroup.controllers", "cpu pids\n");
  const CgroupTree tree = find_cgroup_tree(kV2, "0::/\n", root_);
  EXPECT_FALSE(tree.has_all());
  EXPECT_FALSE(tree.why_not.empty());
}

TEST_F(FakeTree, NothingMountedIsSaid) {
  const CgroupTree tree = find_cgroup_tree("1 2 0:3 / / rw - ext4 /dev/x rw\n", "", root_);
  EXPECT_EQ(tree.version, CgroupVersion::kNone);
  EXPECT_FALSE(tree.has_all());
  EXPECT_EQ(Cgroup::create(tree, "x", {}).error().code(), Code::kUnsupported);
}

/// v2 groups in a made-up tree: the kernel's control files are made beforehand where a real one would make them at
/// mkdir.
TEST_F(FakeTree, V2GroupIsLimitedWithoutSwapAndReadBack) {
  const std::string top = "/sys/fs/cgroup";
  file(top + "/cgroup.controllers", "cpu memory pids\n");
  file(top + "/cgroup.subtree_control", "");
  const CgroupTree tree = find_cgroup_tree(kV2, "0::/\n", root_);
  // A real kernel fills brig/<name>; mkdir of an existing folder fails, so what create() makes stays empty and the
  // first limit is refused.
  const auto group = Cgroup::create(tree, "one", {.memory = mebibytes(64), .pids = 5, .cpu_millis = 500});
  ASSERT_FALSE(group.has_value()) << "a tree without control files must not look limited";
  EXPECT_THAT(group.error().message(), testing::HasSubstr("subtree_control"));
  EXPECT_FALSE(fs::exists(root_ + top + "/brig/one")) << "all or nothing";
}

TEST(RealTree, LimitsAreReadBackFromTheKernel) {
  const CgroupTree tree = find_own_cgroup_tree();
  if (!tree.has_all()) GTEST_SKIP() << "no cgroup rights here: " << tree.why_not;
  const CgroupLimits limits{.memory = mebibytes(64), .pids = 5, .cpu_millis = 500};
  const std::string name = "test-" + std::to_string(::getpid());
  auto group = Cgroup::create(tree, name, limits);
  ASSERT_TRUE(group.has_value()) << group.error().message();
  const auto read = group->read_limits();
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(*read, limits);
  EXPECT_TRUE(fs::exists(tree.memory + "/brig/" + name));
  const std::string sockets = tree.memory + "/brig/" + name + "/memory.kmem.tcp.limit_in_bytes";
  if (fs::exists(sockets)) {  // v1: what lies in sockets is counted only if limited
    const auto text = read_file(sockets, 100);
    ASSERT_TRUE(text.has_value());
    EXPECT_EQ(*text, std::to_string(mebibytes(16).count) + "\n");
  }
  ASSERT_TRUE(group->destroy().has_value());
  EXPECT_FALSE(fs::exists(tree.memory + "/brig/" + name));
  EXPECT_FALSE(fs::exists(tree.pids + "/brig/" + name));
}

TEST(RealTree, AGroupOfThatNameIsNotTakenOver) {
  const CgroupTree tree = find_own_cgroup_tree();
  if (!tree.has_all()) GTEST_SKIP() << "no cgroup rights here: " << tree.why_not;
  const CgroupLimits limits{.memory = mebibytes(64), .pids = 5, .cpu_millis = 500};
  const std::string name = "twice-" + std::to_string(::getpid());
  auto first = Cgroup::create(tree, name, limits);
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(Cgroup::create(tree, name, limits).has_value());
  EXPECT_TRUE(first->read_limits().has_value()) << "the first one is untouched";
}

}  // namespace
}  // namespace brig::sys
