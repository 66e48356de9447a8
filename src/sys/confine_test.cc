#include "sys/confine.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <vector>

#include "sys/file.h"
#include "sys/kernel.h"

namespace brig::sys {
namespace {

/// Runs `act` in a child, because confinement cannot be undone; its result is the child's exit code.
int in_child(const std::function<int()>& act) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(act());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Confined : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "brig-confine-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = {name};
    if (landlock_abi() == 0) GTEST_SKIP() << "this kernel has no Landlock";
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_.front());
  }
  std::vector<std::string> folder_;
};

TEST_F(Confined, WritesOnlyWhereItMay) {
  EXPECT_EQ(in_child([&] {
              if (!confine_self({.writable = folder_}).has_value()) return 1;
              if (!open(folder_.front() + "/x", O_WRONLY | O_CREAT, 0600).has_value()) return 2;
              if (open("/tmp/brig-must-not-exist", O_WRONLY | O_CREAT, 0600).has_value()) return 3;
              if (open("/etc/passwd", O_RDONLY).has_value()) return 4;
              return 0;
            }),
            0);
  EXPECT_FALSE(std::filesystem::exists("/tmp/brig-must-not-exist"));
}

TEST_F(Confined, ExecutesNothing) {
  EXPECT_EQ(in_child([&] {
              if (!confine_self({.writable = folder_}).has_value()) return 1;
              ::execl("/bin/true", "true", nullptr);
              return errno == EACCES ? 0 : 2;
            }),
            0);
}

TEST_F(Confined, HasNoCapabilityLeft) {
  const auto effective = [](bool keeps) {
    return in_child([&] {
      if (!confine_self({.writable = {}, .has_dac_override = keeps}).has_value()) return 100;
      const auto status = read_file("/proc/self/status", 16384);
      if (!status.has_value()) return 101;
      const bool is_bounded = ::geteuid() != 0 || status->contains("CapBnd:\t0000000000000000");
      if (!is_bounded || !status->contains("NoNewPrivs:\t1")) return 102;
      if (status->contains("CapEff:\t0000000000000000")) return 0;
      return status->contains("CapEff:\t0000000000000002") ? 1 : 103;
    });
  };
  EXPECT_EQ(effective(false), 0);
  if (::geteuid() == 0) EXPECT_EQ(effective(true), 1);
}

}  // namespace
}  // namespace brig::sys
