#include <fcntl.h>

#include <fstream>
#include <vector>

#include "agent_process.h"

namespace brig::guest {
namespace {

/// A zygote in a few lines: for each request a child whose parent is gone says who it is and becomes the command.
constexpr const char* kZygote = R"(
import os, socket, struct, sys
requests = socket.socket(fileno=3)
print("ready", flush=True)
while True:
    data, fds, _, _ = socket.recv_fds(requests, 1 << 17, 8)
    if not data:
        sys.exit(0)
    size, count = struct.unpack_from("<II", data)
    folder, at, env = data[8:8 + size].decode(), 8 + size, {}
    for _ in range(count):
        length, = struct.unpack_from("<I", data, at)
        name, _, value = data[at + 4:at + 4 + length].decode().partition("=")
        env[name], at = value, at + 4 + length
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        for fd in fds:
            os.close(fd)
        continue
    if env.get("MODE") == "refuse":
        os.write(fds[4], struct.pack("<i", -116))
        os._exit(0)
    if env.get("MODE") == "nobody":
        os._exit(0)
    if env.get("MODE") == "lie":
        os.write(fds[4], struct.pack("<i", int(env["PID"])))
        os._exit(0)
    if os.fork():
        os._exit(0)
    os.setsid()
    os.write(fds[4], struct.pack("<i", os.getpid()))
    for number in range(4):
        os.dup2(fds[number], number)
    os.closerange(4, 100)
    if env.get("MODE") == "exit":
        os._exit(int(env["CODE"]))
    os.chdir(folder)
    os.execve("/bin/sh", ["sh", "-c", env["SCRIPT"]], env)
)";

class ForkTest : public SessionTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(await(session_->ready()).has_value());
    zygote_ = start({.argv = {"/usr/bin/python3", "-c", kZygote}, .cwd = "/", .is_zygote = true}, said_);
    ASSERT_NE(zygote_, nullptr);
    while (said_.out().empty()) ASSERT_TRUE(await(sleep(Milliseconds{1})).has_value());
  }
  ExecRequest request(std::vector<std::string> env) {
    return {.argv = {"of no importance"},
            .env = std::move(env),
            .cwd = "/usr",
            .has_stdin = true,
            .wants_results = true,
            .zygote = zygote_->channel()};
  }
  int error_of(std::vector<std::string> env) {
    Collected output;
    const auto process = await(session_->exec(request(std::move(env)), output));
    EXPECT_FALSE(process.has_value());
    return process ? 0 : process.error().os_error();
  }

  Collected said_;
  std::unique_ptr<Process> zygote_;
};

TEST_F(ForkTest, AForkedCommandIsOneLikeAnyOther) {
  Collected output;
  auto process =
      start(request({"SCRIPT=read line; echo $line $PWD $A; echo err >&2; echo result >&3; exit 7", "A=b"}), output);
  ASSERT_NE(process, nullptr);
  EXPECT_NE(process->pid(), zygote_->pid());
  const std::string input = "line\n";
  ASSERT_TRUE(await(process->write_stdin(std::as_bytes(std::span(input)))).has_value());
  const ProcessEnd end = finish(*process);
  EXPECT_EQ(end.value, 7);
  EXPECT_FALSE(end.is_signalled);
  EXPECT_EQ(output.out(), "line /usr b\n");
  EXPECT_EQ(output.err(), "err\n");
  EXPECT_EQ(output.results(), "result\n");
}

TEST_F(ForkTest, OneThatEndsAtOnceIsHeardOfAndReaped) {
  for (int i = 0; i < 50; ++i) {
    Collected output;
    auto process = start(request({"MODE=exit", "CODE=" + std::to_string(i)}), output);
    ASSERT_NE(process, nullptr);
    EXPECT_EQ(finish(*process).value, i);
    EXPECT_NE(::kill(static_cast<pid_t>(process->pid()), 0), 0) << "it is not reaped";
  }
}

TEST_F(ForkTest, ASignalReachesItAndItsGroup) {
  Collected output;
  auto process = start(request({"SCRIPT=sleep 1000 & echo here; wait"}), output);
  ASSERT_NE(process, nullptr);
  while (output.out().empty()) ASSERT_TRUE(await(sleep(Milliseconds{1})).has_value());
  ASSERT_TRUE(process->signal(SIGKILL).has_value());
  const ProcessEnd end = finish(*process);
  EXPECT_TRUE(end.is_signalled);
  EXPECT_EQ(end.value, SIGKILL);
}

TEST_F(ForkTest, ATimeoutIsKept) {
  Collected output;
  ExecRequest limited = request({"SCRIPT=exec sleep 1000"});
  limited.timeout = Milliseconds{50};
  auto process = start(std::move(limited), output);
  ASSERT_NE(process, nullptr);
  EXPECT_TRUE(finish(*process).is_timed_out);
}

TEST_F(ForkTest, WhyItWasNotForkedIsSaid) {
  EXPECT_EQ(error_of({"MODE=refuse"}), ESTALE);
  EXPECT_EQ(error_of({"MODE=nobody"}), ESRCH);
}

TEST_F(ForkTest, APidThatCannotBeItsOwnIsNotBelieved) {
  for (const std::string pid : {"0", "1", "-1", "-70000", "2147483647"}) {
    const int error = error_of({"MODE=lie", "PID=" + pid});
    EXPECT_TRUE(error == ESRCH || error == 1) << pid << ": " << error;  // -1 is EPERM, which it may say
  }
  Collected output;
  auto process = start(request({"SCRIPT=echo still"}), output);
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(finish(*process).value, 0);
}

TEST_F(ForkTest, APidOfAnotherCommandIsNotBelieved) {
  Collected output;
  auto other = start({.argv = {"sleep", "1000"}, .cwd = "/"}, output);
  ASSERT_NE(other, nullptr);
  for (const std::uint32_t pid : {other->pid(), zygote_->pid()})
    EXPECT_EQ(error_of({"MODE=lie", "PID=" + std::to_string(pid)}), ESRCH);
  ASSERT_TRUE(other->signal(SIGKILL).has_value());
  EXPECT_EQ(finish(*other).value, SIGKILL);
}

TEST_F(ForkTest, AGoneZygoteFailsWhatItWasAskedForAndNothingElse) {
  ASSERT_TRUE(zygote_->signal(SIGKILL).has_value());
  ASSERT_TRUE(await(zygote_->wait()).has_value());
  EXPECT_EQ(error_of({"SCRIPT=true"}), ESRCH);
  Collected output;
  EXPECT_EQ(shell("echo on", output).value, 0);
  EXPECT_EQ(output.out(), "on\n");
}

TEST_F(ForkTest, OneThatDoesNotAnswerCanBeGivenUp) {
  ASSERT_TRUE(zygote_->signal(SIGSTOP).has_value());
  Collected output;
  const auto given_up =
      run(io_, with_timeout(Milliseconds{50}, session_->exec(request({"SCRIPT=true"}), output), "it"));
  ASSERT_FALSE(given_up.has_value());
  EXPECT_EQ(given_up.error().code(), Code::kDeadline);
  EXPECT_EQ(shell("true", output).value, 0);
  ASSERT_TRUE(zygote_->signal(SIGCONT).has_value());
  EXPECT_EQ(error_of({"MODE=refuse"}), ESTALE);  // the one that was given up is nobody's, and in nobody's way
}

TEST_F(ForkTest, WhatCannotForkIsNotAsked) {
  Collected output;
  auto plain = start({.argv = {"sleep", "1000"}, .cwd = "/"}, output);
  ASSERT_NE(plain, nullptr);
  ExecRequest of_plain = request({"SCRIPT=true"});
  for (const std::uint32_t channel : {plain->channel(), std::uint32_t{77'777}}) {
    of_plain.zygote = channel;
    const auto process = await(session_->exec(of_plain, output));
    ASSERT_FALSE(process.has_value());
    EXPECT_EQ(process.error().os_error(), ESRCH);
  }
  ExecRequest with_terminal = request({"SCRIPT=true"});
  with_terminal.terminal = TerminalSize{};
  EXPECT_EQ(await(session_->exec(with_terminal, output)).error().os_error(), EINVAL);
  const auto both =
      await(session_->exec({.argv = {"true"}, .cwd = "/", .wants_results = true, .is_zygote = true}, output));
  EXPECT_EQ(both.error().os_error(), EINVAL);
}

}  // namespace
}  // namespace brig::guest
