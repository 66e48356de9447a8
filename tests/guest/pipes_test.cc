// The agent behind two pipes instead of a socket: what an engine gives it.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "agent/agent.h"
#include "base/fd.h"
#include "guest/messages.h"
#include "guest/wire.h"

namespace brig::guest {
namespace {

class PipedAgent : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    ASSERT_EQ(::pipe(in.data()), 0);
    ASSERT_EQ(::pipe(out.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(in[1]);
      ::close(out[0]);
      agent::serve(in[0], out[1]);
    }
    ::close(in[0]);
    ::close(out[1]);
    to_ = Fd(in[1]);
    from_ = Fd(out[0]);
  }
  void TearDown() override {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  /// The exit code of an agent that is about to end.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  template <class Message>
  void send(const Message& message, std::uint32_t channel) {
    std::array<std::byte, 256> frame;
    const auto length = encode(message, channel, frame);
    ASSERT_TRUE(length.has_value());
    ASSERT_EQ(::write(to_.get(), frame.data(), *length), static_cast<ssize_t>(*length));
  }
  std::string next_bytes() {
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(from_.get(), buffer.data(), buffer.size());
    return {buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
  }

  pid_t pid_ = -1;
  Fd to_;
  Fd from_;
};

TEST_F(PipedAgent, Answers) {
  send(Hello{}, 0);
  EXPECT_GE(next_bytes().size(), kHeaderSize);
}

TEST_F(PipedAgent, EndsWhenNobodyWritesToItAnyMore) {
  to_.reset();
  EXPECT_EQ(wait(), 0);
}

TEST_F(PipedAgent, EndsWhenNobodyReadsWhatItSaysAnyMore) {
  from_.reset();
  EXPECT_EQ(wait(), 0);
}

}  // namespace
}  // namespace brig::guest
