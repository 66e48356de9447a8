#pragma once
/// AgentProcess: the guest agent as a child of the test, without a wall, at the other end of a socket pair.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "agent/agent.h"
#include "async/run.h"
#include "async/timer.h"
#include "base/fd.h"
#include "guest/session.h"

namespace brig::guest {

class AgentProcess {
 public:
  AgentProcess() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    channel_ = Fd(fds[0]);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::close(fds[0]);
      agent::serve(fds[1]);
    }
    ::close(fds[1]);
  }
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;
  ~AgentProcess() {
    if (pid_ < 0) return;
    channel_.reset();
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  Fd take_channel() { return std::move(channel_); }
  [[nodiscard]] FdRef channel() const { return channel_.ref(); }
  /// The exit code of the agent, which must be about to end.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  Fd channel_;
  pid_t pid_ = -1;
};

/// Keeps what comes.
class Collected : public OutputSink {
 public:
  void on_output(Stream stream, std::span<const std::byte> bytes) override {
    text_[stream].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  void on_end(Stream stream) override { ended_[stream] = true; }
  [[nodiscard]] const std::string& out() { return text_[Stream::kOut]; }
  [[nodiscard]] const std::string& err() { return text_[Stream::kErr]; }
  [[nodiscard]] const std::string& results() { return text_[Stream::kResults]; }
  [[nodiscard]] bool has_ended(Stream stream) { return ended_[stream]; }

 private:
  std::map<Stream, std::string> text_;
  std::map<Stream, bool> ended_;
};

/// A session with a fresh agent.
class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : session_(*Session::connect(io_.get_executor(), agent_.take_channel())) {}

  /// Nothing here takes long; what hangs is a bug and should say where.
  template <class T>
  Result<T> await(Task<T> task) {
    return run(io_, with_timeout(std::chrono::seconds(20), std::move(task), "the test"));
  }
  std::unique_ptr<Process> start(ExecRequest request, OutputSink& sink) {
    if (request.env.empty()) request.env = {"PATH=/usr/local/bin:/usr/bin:/bin", "TERM=dumb"};
    auto process = await(session_->exec(std::move(request), sink));
    EXPECT_TRUE(process.has_value()) << (process.has_value() ? "" : process.error().message());
    return process.has_value() ? std::move(*process) : nullptr;
  }
  ProcessEnd finish(Process& process) {
    auto end = await(process.wait());
    EXPECT_TRUE(end.has_value()) << (end.has_value() ? "" : end.error().message());
    EXPECT_TRUE(await(process.drain(std::chrono::seconds(10))).value_or(false));
    return end.value_or(ProcessEnd{});
  }
  ProcessEnd shell(const std::string& script, OutputSink& sink) {
    auto process = start({.argv = {"sh", "-c", script}, .cwd = "/"}, sink);
    return process ? finish(*process) : ProcessEnd{.value = -1};
  }

  asio::io_context io_;
  AgentProcess agent_;
  std::unique_ptr<Session> session_;
};

}  // namespace brig::guest
