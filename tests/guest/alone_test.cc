// The agent without a sandbox around it, as far as an ordinary user may go: as root it would change this machine. The
// rest is tests/root/e2b_test.cc.
#include "agent/alone.h"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "base/fd.h"

namespace brig::agent {
namespace {

struct Ended {
  int code;
  std::string err;
};

/// serve_alone() as nobody.
Ended serve(const std::vector<const char*>& words) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) std::abort();
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(1);
    ::dup2(fds[1], STDERR_FILENO);
    serve_alone(static_cast<int>(words.size()), words.data());
  }
  const Fd from(fds[0]);
  ::close(fds[1]);
  Ended ended{};
  std::array<char, 512> buffer{};
  for (ssize_t count = 0; (count = ::read(from.get(), buffer.data(), buffer.size())) > 0;)
    ended.err.append(buffer.data(), static_cast<std::size_t>(count));
  int status = 0;
  ::waitpid(pid, &status, 0);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

TEST(Alone, RefusesWordsThatAreNoLimits) {
  for (const std::vector<const char*>& words : std::vector<std::vector<const char*>>{{},
                                                                                     {"1", "2", "3", "4"},
                                                                                     {"1", "2", "3", "4", "5", "6"},
                                                                                     {"1", "2", "3", "4", "x"},
                                                                                     {"-1", "2", "3", "4", "5"}}) {
    const Ended ended = serve(words);
    EXPECT_EQ(ended.code, 64);
    EXPECT_EQ(ended.err, "usage: brig-init alone PROCESSES FILES MEMORY FILE-SIZE CPU-SECONDS\n");
  }
}

TEST(Alone, SaysWhatItCannotDo) {
  if (::access(kAloneFolder, F_OK) == 0) GTEST_SKIP() << "this machine has a /workspace of its own";
  const Ended ended = serve({"64", "256", "268435456", "1000000", "0"});
  EXPECT_EQ(ended.code, 71);
  EXPECT_EQ(ended.err, "brig-init: /workspace, which only root can make: No such file or directory\n");
}

}  // namespace
}  // namespace brig::agent
