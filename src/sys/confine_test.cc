#include "sys/confine.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
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

TEST_F(Confined, UsesAndReadsWhatIsNamed) {
  const std::vector<std::string> usable{"/dev/null"};
  const std::vector<std::string> readable{"/etc/passwd", "/usr", "/no/such/file"};
  EXPECT_EQ(in_child([&] {
              if (!confine_self({.writable = folder_, .usable = usable, .readable = readable}).has_value()) return 1;
              if (!open("/dev/null", O_RDWR).has_value()) return 2;
              if (!open("/etc/passwd", O_RDONLY).has_value() || !open("/usr/bin", O_RDONLY).has_value()) return 3;
              if (open("/etc/passwd", O_RDWR).has_value() || open("/usr/x", O_WRONLY | O_CREAT, 0600)) return 4;
              if (open("/etc/group", O_RDONLY).has_value() || open("/dev/zero", O_RDONLY).has_value()) return 5;
              return 0;
            }),
            0);
}

TEST_F(Confined, MakesNoConnectionAndBindsNoPort) {
  if (landlock_abi() < 4) GTEST_SKIP() << "this kernel's Landlock knows no network";
  const auto bind_and_connect = [](bool has_network) {
    return in_child([has_network] {
      if (!confine_self({.has_network = has_network}).has_value()) return 100;
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      const auto* at = reinterpret_cast<const sockaddr*>(&address);
      const Fd bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const bool binds = ::bind(bound.get(), at, sizeof address) == 0;
      address.sin_port = htons(1);
      const Fd connected(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const bool is_refused_by_us = ::connect(connected.get(), at, sizeof address) < 0 && errno == EACCES;
      return (binds ? 1 : 0) + (is_refused_by_us ? 2 : 0);
    });
  };
  EXPECT_EQ(bind_and_connect(true), 1);
  EXPECT_EQ(bind_and_connect(false), 2);
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
