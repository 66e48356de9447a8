/// One runtime, many sandboxes: nothing grows in its owner or in brig-launch, and whatever is killed leaves nothing.
#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "root/room.h"
#include "sys/cgroup.h"

namespace brig {
namespace {

std::vector<int> numbers_in(const std::string& path) {
  std::ifstream file(path);
  std::vector<int> numbers;
  for (int number = 0; file >> number;) numbers.push_back(number);
  return numbers;
}

std::vector<int> children_of(int pid) {
  return numbers_in("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
}

std::size_t descriptors_of(int pid) {
  std::error_code error;
  std::size_t count = 0;
  for (auto it = std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd", error);
       it != std::filesystem::end(it); it.increment(error))
    ++count;
  return count;
}

bool eventually(const std::function<bool()>& is_true, int milliseconds = 10'000) {
  for (int waited = 0; !is_true(); waited += 20) {
    if (waited > milliseconds) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

std::vector<std::string> groups_of(const std::string& prefix) {
  const sys::CgroupTree tree = sys::find_own_cgroup_tree();
  std::vector<std::string> found;
  for (const std::string& parent : std::set<std::string>{tree.memory, tree.pids, tree.cpu, tree.freezer}) {
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(parent + "/brig", error); it != std::filesystem::end(it);
         it.increment(error)) {
      if (it->path().filename().string().starts_with(prefix)) found.push_back(it->path());
    }
  }
  return found;
}

class Service : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: makes sandboxes as the installed program does";
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    const std::vector<int> before = children_of(::getpid());
    runtime_ = runtimes::process::make_process_runtime({.launcher = std::string(BRIG_BIN_DIR) + "/brig-launch"});
    for (int child : children_of(::getpid())) {
      if (std::ranges::find(before, child) == before.end()) launcher_ = child;
    }
    ASSERT_GT(launcher_, 0);
  }

  void TearDown() override {
    runtime_.reset();
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    EXPECT_TRUE(eventually([this] {
      while (::waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      return groups_of(prefix_).empty() && children_of(::getpid()).empty();
    })) << "left groups or processes";
  }

  std::unique_ptr<runtime::Cell> make(Milliseconds lifetime = Milliseconds(60'000)) {
    runtime::CellSpec spec{.id = prefix_ + std::to_string(serial_++), .policy = {}, .lifetime = lifetime};
    auto cell = run(io_, runtime_->create(std::move(spec)));
    if (!cell.has_value()) {
      ADD_FAILURE() << cell.error().message();
      return nullptr;
    }
    return *std::move(cell);
  }

  /// The warden of the newest sandbox.
  [[nodiscard]] int warden() const {
    const auto wardens = children_of(launcher_);
    return wardens.empty() ? 0 : wardens.back();
  }

  asio::io_context io_;
  std::unique_ptr<runtime::Runtime> runtime_;
  int launcher_ = 0;
  int serial_ = 0;
  std::string prefix_ = "leak-" + std::to_string(::getpid()) + "-";
};

TEST_F(Service, NothingGrowsOverManySandboxes) {
  for (int warm_up = 0; warm_up < 2; ++warm_up) (void)run(io_, make()->destroy());
  const std::size_t ours = descriptors_of(::getpid());
  const std::size_t theirs = descriptors_of(launcher_);
  for (int i = 0; i < 100; ++i) {
    auto cell = make();
    ASSERT_NE(cell, nullptr);
    if (i % 2 == 0) EXPECT_TRUE(run(io_, cell->destroy()).has_value());  // else it is dropped
  }
  EXPECT_EQ(descriptors_of(::getpid()), ours);
  EXPECT_TRUE(eventually([&] { return children_of(launcher_).empty(); }));
  EXPECT_EQ(descriptors_of(launcher_), theirs);
  EXPECT_TRUE(eventually([&] { return groups_of(prefix_).empty(); }));
}

TEST_F(Service, ManyAtOnceAreAllRemovedWithTheirOwner) {
  std::vector<std::unique_ptr<runtime::Cell>> cells;
  for (int i = 0; i < 20; ++i) cells.push_back(make());
  EXPECT_EQ(children_of(launcher_).size(), 20U);
  cells.clear();
  EXPECT_TRUE(eventually([&] { return children_of(launcher_).empty() && groups_of(prefix_).empty(); }));
}

TEST_F(Service, AKilledWardenTakesItsSandboxAndNoOther) {
  auto bystander = make();
  auto victim = make();
  ASSERT_NE(victim, nullptr);
  const int pid = warden();
  const std::vector<int> inside = children_of(pid);
  ASSERT_EQ(inside.size(), 1U);
  ::kill(pid, SIGKILL);
  EXPECT_TRUE(
      eventually([&] { return ::waitpid(inside[0], nullptr, WNOHANG) == inside[0]; }));  // adopted by us: it has ended
  EXPECT_TRUE(eventually([&] { return groups_of(prefix_ + "1").empty(); })) << "its group stays";
  for (int time = 0; time < 2; ++time) {
    const auto report = run(io_, victim->destroy());
    ASSERT_FALSE(report.has_value()) << "nobody can know what it used, and its time was not over";
    EXPECT_EQ(report.error().code(), Code::kUnavailable) << report.error().message();
  }
  EXPECT_TRUE(run(io_, bystander->stats()).has_value());
  EXPECT_TRUE(run(io_, make()->destroy()).has_value()) << "no further sandbox can be made";
}

TEST_F(Service, AWardenThatIsKilledWhileItsSandboxIsPausedLeavesNothing) {
  if (!runtime_->capabilities().may_pause) GTEST_SKIP() << "no freezer that can be used here";
  for (const bool with_launcher : {false, true}) {
    auto cell = make();
    ASSERT_NE(cell, nullptr);
    const int pid = warden();
    const std::vector<int> inside = children_of(pid);
    ASSERT_EQ(inside.size(), 1U);
    ASSERT_TRUE(run(io_, cell->pause()).has_value());
    if (with_launcher) ::kill(launcher_, SIGKILL);
    ::kill(pid, SIGKILL);
    EXPECT_TRUE(eventually([&] { return ::waitpid(inside[0], nullptr, WNOHANG) == inside[0]; }))
        << "a frozen sandbox outlives its warden";
    if (with_launcher) (void)run(io_, cell->destroy());  // whose owner is there to remove its group
    EXPECT_TRUE(eventually([&] { return groups_of(prefix_).empty(); }));
  }
}

TEST_F(Service, AWardenThatTheKernelEndedAtItsDeadlineIsReportedAsExpired) {
  auto cell = make(Milliseconds(200));
  ASSERT_NE(cell, nullptr);
  ::kill(warden(), SIGSTOP);
  EXPECT_TRUE(eventually([&] { return children_of(launcher_).empty(); })) << "the timer ends also what is stopped";
  const auto report = run(io_, cell->destroy());
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_TRUE(report->has_expired);
}

/// A daemon that has given up root: the launcher removes what it may not.
TEST_F(Service, AKilledWardenIsNoFailureForAnOwnerWithoutRights) {
  auto cell = make();
  ASSERT_NE(cell, nullptr);
  const int pid = warden();
  ASSERT_EQ(::seteuid(65534), 0);
  const auto stats = run(io_, cell->stats());
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_TRUE(stats.has_value());
  ::kill(pid, SIGKILL);
  ASSERT_EQ(::seteuid(65534), 0);
  const auto report = run(io_, cell->destroy());
  const bool is_gone = sys::cgroup_is_gone(sys::find_own_cgroup_tree(), prefix_ + "0");
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Code::kUnavailable) << report.error().message();
  EXPECT_TRUE(is_gone || groups_of(prefix_).empty()) << "destroy() returned before the launcher had removed the group";
}

TEST_F(Service, AKilledSandboxIsReportedAndTheNextOneWorks) {
  auto cell = make();
  ASSERT_NE(cell, nullptr);
  const std::vector<int> inside = children_of(warden());
  ASSERT_EQ(inside.size(), 1U);
  ::kill(inside[0], SIGKILL);
  EXPECT_TRUE(run(io_, cell->destroy()).has_value());
  EXPECT_TRUE(run(io_, make()->destroy()).has_value());
}

TEST_F(Service, AKilledLauncherLeavesItsSandboxesToTheirOwner) {
  auto cell = make();
  ASSERT_NE(cell, nullptr);
  ::kill(launcher_, SIGKILL);
  EXPECT_TRUE(run(io_, cell->stats()).has_value()) << "a sandbox must not die with brig-launch, which only starts them";
  EXPECT_TRUE(run(io_, cell->destroy()).has_value());
  runtime::CellSpec spec{.id = prefix_ + "late", .policy = {}, .lifetime = Milliseconds(60'000)};
  const auto late = run(io_, runtime_->create(std::move(spec)));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code(), Code::kUnavailable) << late.error().message();
}

}  // namespace
}  // namespace brig
