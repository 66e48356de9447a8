#include "sys/cgroup.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <vector>

#include "sys/file.h"
#include "sys/process.h"

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
  EXPECT_FALSE(tree.may_freeze());
}

TEST_F(FakeTree, HybridTakesEachControllerWhereItIs) {
  for (const char* name : {"memory", "pids", "cpu,cpuacct", "unified"})
    fs::create_directories(root_ + "/sys/fs/cgroup/" + name);
  file("/sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n");
  const CgroupTree tree = find_cgroup_tree(
      std::string(kV1) + "33 20 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "0::/\n", root_);
  EXPECT_EQ(tree.version, CgroupVersion::kHybrid);
  EXPECT_EQ(tree.memory, root_ + "/sys/fs/cgroup/memory");
  EXPECT_EQ(tree.freezer, root_ + "/sys/fs/cgroup/unified");
  EXPECT_TRUE(tree.may_freeze());
}

TEST_F(FakeTree, V2AsRootUsesTheTop) {
  file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
  const CgroupTree tree = find_cgroup_tree(kV2, "0::/user.slice\n", root_);
  EXPECT_EQ(tree.version, CgroupVersion::kV2);
  EXPECT_EQ(tree.memory, root_ + "/sys/fs/cgroup");
  EXPECT_EQ(tree.freezer, tree.memory);
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

TEST_F(FakeTree, SomebodyElsesGroupIsFoundReadAndLeftAlone) {
  file("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1048576\n");
  file("/sys/fs/cgroup/memory/docker/abc/memory.oom_control", "oom_kill_disable 0\noom_kill 3\n");
  file("/sys/fs/cgroup/pids/docker/abc/pids.max", "17\n");
  file("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "50000\n");
  {
    const auto group = Cgroup::find(
        kV1, "3:cpu,cpuacct:/docker/abc\n2:pids:/docker/abc\n1:memory:/docker/abc\n0::/docker/abc\n", root_);
    ASSERT_TRUE(group.has_value()) << group.error().message();
    const auto limits = group->read_limits();
    ASSERT_TRUE(limits.has_value());
    EXPECT_EQ(*limits, (CgroupLimits{.memory = mebibytes(1), .pids = 17, .cpu_millis = 500}));
    EXPECT_EQ(group->counters().memory_kills, 3U);
  }
  EXPECT_TRUE(fs::exists(root_ + "/sys/fs/cgroup/memory/docker/abc"));
  EXPECT_FALSE(Cgroup::find(kV1, "1:memory:/docker/none\n", root_).has_value());
  EXPECT_FALSE(Cgroup::find(kV1, "1:memory:/../../docker/abc\n", root_).has_value());
}

TEST_F(FakeTree, SomebodyElsesV2GroupIsFoundBelowWhatIsMounted) {
  file("/sys/fs/cgroup/docker-abc.scope/memory.events", "oom_kill 2\n");
  const auto group = Cgroup::find("30 20 0:26 /system.slice /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
                                  "0::/system.slice/docker-abc.scope\n", root_);
  ASSERT_TRUE(group.has_value()) << group.error().message();
  EXPECT_EQ(group->counters().memory_kills, 2U);
}

TEST_F(FakeTree, AFrozenV2GroupIsWaitedFor) {
  file("/group/cgroup.freeze", "0");
  file("/group/cgroup.events", "populated 1\nfrozen 1\n");
  EXPECT_TRUE(freeze_folder(root_ + "/group", Milliseconds(1000)).has_value());
  EXPECT_EQ(text("/group/cgroup.freeze"), "1");
  EXPECT_TRUE(thaw_folder(root_ + "/group").has_value());
  EXPECT_EQ(text("/group/cgroup.freeze"), "0");
}

TEST_F(FakeTree, AV2GroupThatDoesNotFreezeGoesOn) {
  file("/group/cgroup.freeze", "0");
  file("/group/cgroup.events", "populated 1\nfrozen 0\n");
  const auto frozen = freeze_folder(root_ + "/group", Milliseconds(1));
  ASSERT_FALSE(frozen.has_value());
  EXPECT_EQ(frozen.error().code(), Code::kDeadline);
  EXPECT_EQ(text("/group/cgroup.freeze"), "0") << "a group that is half frozen";
}

TEST_F(FakeTree, AKernelWithoutAFreezerIsSaid) {
  file("/group/cgroup.procs", "");
  EXPECT_EQ(freeze_folder(root_ + "/group", Milliseconds(1)).error().code(), Code::kUnsupported);
}

/// A child that counts in memory that we share, in a group that we make.
TEST(RealTree, AFrozenGroupStandsStillAndCanBeKilled) {
  const CgroupTree tree = find_own_cgroup_tree();
  if (!tree.may_freeze()) GTEST_SKIP() << "no freezer here: " << tree.why_not;
  auto group = Cgroup::create(tree, "frozen-" + std::to_string(::getpid()),
                              {.memory = mebibytes(64), .pids = 5, .cpu_millis = 500});
  ASSERT_TRUE(group.has_value()) << group.error().message();
  using Counter = std::atomic<std::uint64_t>;
  void* memory = ::mmap(nullptr, sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto& counter = *new (memory) Counter(0);
  auto child = clone(0, group->clone_target());
  ASSERT_TRUE(child.has_value());
  if (!child->has_value()) {
    for (const Fd& file : group->join_files()) {
      if (::write(file.get(), "0", 1) != 1) ::_exit(1);
    }
    while (true) counter.fetch_add(1);
  }
  const auto moves = [&] {
    const std::uint64_t before = counter.load();
    for (int i = 0; i < 500 && counter.load() == before; ++i) ::usleep(1000);
    return counter.load() != before;
  };
  ASSERT_TRUE(moves());
  for (int round = 0; round < 2; ++round) {
    const auto frozen = group->freeze(Milliseconds(5000));
    ASSERT_TRUE(frozen.has_value()) << frozen.error().message();
    const std::uint64_t at = counter.load();
    ::usleep(20'000);
    EXPECT_EQ(counter.load(), at);
    if (round > 0) break;
    EXPECT_TRUE(group->thaw().has_value());
    EXPECT_TRUE(moves());
  }
  EXPECT_TRUE((*child)->kill(SIGKILL).has_value());
  EXPECT_TRUE((*child)->wait().has_value()) << "what is frozen must die when it is killed";
  EXPECT_TRUE(group->destroy().has_value());
  EXPECT_TRUE(cgroup_is_gone(tree, "frozen-" + std::to_string(::getpid())));
  ::munmap(memory, sizeof(Counter));
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
  EXPECT_EQ(group->use().pids, 0U);
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

TEST(RealTree, SaysWhatAGroupUsesNow) {
  const CgroupTree tree = find_own_cgroup_tree();
  if (!tree.has_all()) GTEST_SKIP() << "no cgroup rights here: " << tree.why_not;
  const CgroupLimits limits{.memory = mebibytes(64), .pids = 5, .cpu_millis = 1000};
  auto group = Cgroup::create(tree, "use-" + std::to_string(::getpid()), limits);
  ASSERT_TRUE(group.has_value()) << group.error().message();
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  auto child = clone(0, group->clone_target());
  ASSERT_TRUE(child.has_value()) << child.error().message();
  if (!child->has_value()) {
    for (const Fd& file : group->join_files()) (void)!::write(file.get(), "0", 1);
    std::vector<char> memory(std::size_t{8} << 20, 'x');
    while (std::clock() < CLOCKS_PER_SEC / 10) asm volatile("" : : "r"(memory.data()) : "memory");
    (void)!::write(ends[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  const CgroupUse use = group->use();
  EXPECT_EQ(use.pids, 1U);
  EXPECT_GE(use.memory, mebibytes(8));
  EXPECT_GE(use.cpu, Milliseconds(80));  // in ticks of ten milliseconds where there is no cpuacct
  EXPECT_TRUE((*child)->kill(SIGKILL).has_value());
  EXPECT_TRUE((*child)->wait().has_value());
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_TRUE(group->destroy().has_value());
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
