#include <fcntl.h>

#include <vector>

#include "agent_process.h"
#include "async/task_group.h"

namespace brig::guest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST_F(SessionTest, Handshakes) { EXPECT_TRUE(await(session_->ready()).has_value()); }

TEST_F(SessionTest, RunsAProgramAndTellsItsStreamsApart) {
  Collected output;
  const ProcessEnd end = shell("echo out; echo err >&2", output);
  EXPECT_FALSE(end.is_signalled);
  EXPECT_EQ(end.value, 0);
  EXPECT_GT(end.max_rss.count, 0U);
  EXPECT_EQ(output.out(), "out\n");
  EXPECT_EQ(output.err(), "err\n");
  EXPECT_TRUE(output.has_ended(Stream::kOut));
  EXPECT_TRUE(output.has_ended(Stream::kErr));
}

TEST_F(SessionTest, ReportsExitCodesAndSignals) {
  Collected output;
  EXPECT_EQ(shell("exit 42", output).value, 42);
  EXPECT_EQ(shell("exit 127", output).value, 127);
  const ProcessEnd end = shell("kill -SEGV $$", output);
  EXPECT_TRUE(end.is_signalled);
  EXPECT_EQ(end.value, SIGSEGV);
}

TEST_F(SessionTest, AMissingProgramIsNoExitCode) {
  Collected output;
  const auto process = await(session_->exec({.argv = {"no-such-program"}, .cwd = "/"}, output));
  ASSERT_FALSE(process.has_value());
  EXPECT_EQ(process.error().code(), Code::kNotFound);
  EXPECT_EQ(process.error().os_error(), ENOENT);
  EXPECT_EQ(process.error().message(), "start no-such-program: in the sandbox: program: No such file or directory");
}

TEST_F(SessionTest, NamesWhatCouldNotBeStartedAndWhy) {
  Collected output;
  const auto not_executable = await(session_->exec({.argv = {"/etc/passwd"}, .cwd = "/"}, output));
  EXPECT_EQ(not_executable.error().os_error(), EACCES);
  const auto no_folder = await(session_->exec({.argv = {"true"}, .cwd = "/no/such/folder"}, output));
  EXPECT_EQ(no_folder.error().os_error(), ENOENT);
  EXPECT_NE(no_folder.error().message().find("working folder"), std::string::npos);
  const auto empty = await(session_->exec({.argv = {}, .cwd = "/"}, output));
  EXPECT_EQ(empty.error().code(), Code::kInvalidArgument);
  const auto too_long = await(session_->exec({.argv = {"true", std::string(70'000, 'x')}, .cwd = "/"}, output));
  EXPECT_EQ(too_long.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(shell("true", output).value, 0);  // and the session goes on
}

TEST_F(SessionTest, LooksForTheProgramInTheCommandsOwnPath) {
  Collected output;
  const auto process = await(session_->exec({.argv = {"true"}, .env = {"PATH=/no/such/folder"}, .cwd = "/"}, output));
  EXPECT_EQ(process.error().os_error(), ENOENT);
}

TEST_F(SessionTest, ACommandInheritsNothing) {
  Collected output;
  auto process =
      start({.argv = {"/bin/sh", "-c",
                      "/usr/bin/env; pwd; umask; ls /proc/self/fd; grep -E 'Sig(Ign|Blk)' /proc/self/status"},
             .env = {"A=b"},
             .cwd = "/usr"},
            output);
  ASSERT_NE(process, nullptr);
  EXPECT_EQ(finish(*process).value, 0);
  EXPECT_EQ(
      output.out(),
      "A=b\nPWD=/usr\n/usr\n0022\n0\n1\n2\n3\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");  // 3: ls itself
  EXPECT_EQ(output.err(), "");
}

TEST_F(SessionTest, ResultsComeOnDescriptorThree) {
  Collected output;
  auto process = start({.argv = {"sh", "-c", "echo rich >&3"}, .cwd = "/", .wants_results = true}, output);
  EXPECT_EQ(finish(*process).value, 0);
  EXPECT_EQ(output.results(), "rich\n");
  Collected without;
  EXPECT_NE(shell("echo rich 2>/dev/null >&3", without).value, 0);
}

TEST_F(SessionTest, StdinEndsWhenItIsClosed) {
  Collected output;
  auto process = start({.argv = {"cat"}, .cwd = "/", .has_stdin = true}, output);
  EXPECT_TRUE(await(process->write_stdin(bytes_of("hello "))).has_value());
  EXPECT_TRUE(await(process->write_stdin(bytes_of("world"))).has_value());
  EXPECT_TRUE(process->close_stdin().has_value());
  EXPECT_EQ(finish(*process).value, 0);
  EXPECT_EQ(output.out(), "hello world");
}

TEST_F(SessionTest, WithoutStdinTheProgramReadsNothing) {
  Collected output;
  EXPECT_EQ(shell("cat", output).value, 0);
  EXPECT_EQ(output.out(), "");
}

Task<> feed(Process& process, const std::string& text) {
  CO_TRY_VOID(co_await process.write_stdin(bytes_of(text)));
  co_return process.close_stdin();
}

TEST_F(SessionTest, TenMegabytesGoThroughCat) {
  std::string text(10'000'000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 2654435761U >> 24);
  Collected output;
  auto process = start({.argv = {"cat"}, .cwd = "/", .has_stdin = true}, output);
  TaskGroup feeders(io_.get_executor());
  feeders.spawn(feed(*process, text));
  EXPECT_EQ(finish(*process).value, 0);
  EXPECT_TRUE(output.out() == text);
}

TEST_F(SessionTest, AProgramThatClosesItsInputDoesNotBlockTheWriter) {
  Collected output;
  auto process = start({.argv = {"sh", "-c", "exec <&-; read line <&1 2>/dev/null; echo closed; sleep 0.05"},
                        .cwd = "/",
                        .has_stdin = true},
                       output);
  const std::string text(1'000'000, 'x');
  const auto fed = await(feed(*process, text));  // all dropped, or refused because the program has ended
  EXPECT_TRUE(fed.has_value() || fed.error().code() == Code::kUnavailable);
  EXPECT_EQ(finish(*process).value, 0);
}

TEST_F(SessionTest, SignalsReachTheWholeProcessGroup) {
  Collected output;
  auto process = start(
      {.argv = {"sh", "-c", "sleep 100 & trap 'echo caught; exit 7' TERM; echo ready; wait"}, .cwd = "/"}, output);
  while (output.out().empty()) io_.run_one();
  EXPECT_TRUE(process->signal(SIGTERM).has_value());
  EXPECT_EQ(finish(*process).value, 7);  // drained: the sleep in the background is gone as well
  EXPECT_EQ(output.out(), "ready\ncaught\n");
  EXPECT_EQ(process->signal(0).error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(process->signal(SIGKILL).has_value());  // too late is no error
}

TEST_F(SessionTest, ATerminalHasItsSizeAndCanBeResized) {
  Collected output;
  auto process = start({.argv = {"sh", "-c",
                                 "test -t 0 && test -t 1 && test -t 2 && tty </dev/tty >/dev/null && stty size; read "
                                 "line; stty size; read x || echo end"},
                        .cwd = "/",
                        .terminal = TerminalSize{.rows = 33, .columns = 101}},
                       output);
  while (output.out().find("33 101") == std::string::npos) io_.run_one();
  EXPECT_TRUE(process->resize({.rows = 50, .columns = 132}).has_value());
  EXPECT_TRUE(await(process->write_stdin(bytes_of("go\n"))).has_value());
  while (output.out().find("50 132") == std::string::npos) io_.run_one();
  EXPECT_TRUE(process->close_stdin().has_value());
  EXPECT_EQ(finish(*process).value, 0);
  EXPECT_NE(output.out().find("end"), std::string::npos) << output.out();
  EXPECT_EQ(output.err(), "");
}

TEST_F(SessionTest, InterruptsOnATerminalComeFromTheKeyboard) {
  Collected output;
  auto process = start({.argv = {"cat"}, .cwd = "/", .terminal = TerminalSize{}}, output);
  EXPECT_TRUE(await(process->write_stdin(bytes_of("x\n"))).has_value());
  while (output.out() != "x\r\nx\r\n") io_.run_one();  // the terminal's echo, and cat's own: it runs
  EXPECT_TRUE(await(process->write_stdin(bytes_of("\x03"))).has_value());
  const ProcessEnd end = finish(*process);
  EXPECT_TRUE(end.is_signalled);
  EXPECT_EQ(end.value, SIGINT);
}

TEST_F(SessionTest, TwentyCommandsAtOnce) {
  std::vector<std::unique_ptr<Collected>> outputs;
  std::vector<std::unique_ptr<Process>> processes;
  for (int i = 0; i < 20; ++i) {
    outputs.push_back(std::make_unique<Collected>());
    processes.push_back(
        start({.argv = {"sh", "-c", "seq 1000; exit " + std::to_string(i)}, .cwd = "/"}, *outputs.back()));
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(finish(*processes[static_cast<std::size_t>(i)]).value, i);
    EXPECT_EQ(outputs[static_cast<std::size_t>(i)]->out().size(), 3893U);
  }
}

TEST_F(SessionTest, TooManyOperationsAreRefusedHere) {
  Collected output;
  std::vector<std::unique_ptr<Process>> processes;
  for (std::uint32_t i = 0; i < kChannelsMax; ++i)
    processes.push_back(start({.argv = {"sleep", "100"}, .cwd = "/"}, output));
  const auto refused = await(session_->exec({.argv = {"true"}, .cwd = "/"}, output));
  EXPECT_EQ(refused.error().code(), Code::kExhausted);
  processes.clear();
  while (true) {  // until the guest has confirmed the first end
    auto process = await(session_->exec({.argv = {"true"}, .cwd = "/"}, output));
    if (process.has_value()) break;
    ASSERT_EQ(process.error().code(), Code::kExhausted);
    ASSERT_TRUE(await(sleep(milliseconds(1))).has_value());
  }
}

TEST_F(SessionTest, ASlowReaderStallsNobodyElse) {
  Collected flood;
  auto slow = start({.argv = {"cat", "/dev/zero"}, .cwd = "/", .credit = Credit::kManual}, flood);
  while (flood.out().size() < kWindow) io_.run_one();
  Collected output;
  EXPECT_EQ(shell("echo still here", output).value, 0);
  EXPECT_EQ(output.out(), "still here\n");
  EXPECT_EQ(flood.out().size(), kWindow);  // not a byte more than it had credit for
  slow->consumed(kWindow);
  while (flood.out().size() < 2 * kWindow) io_.run_one();
  EXPECT_EQ(flood.out().size(), 2 * kWindow);
}

TEST_F(SessionTest, WhatACommandLeftInTheBackgroundGoesOnAndMayPrint) {
  const std::string mark = "/tmp/brig-left-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(mark.c_str(), 0600), 0);
  Collected output;
  // Far more than a pipe holds, after the host has lost interest: it must find a reader, or it would stop there.
  auto process = start(
      {.argv = {"sh", "-c", "(read go <" + mark + "; seq 100000; echo done >" + mark + ".done) & echo $!"}, .cwd = "/"},
      output);
  const auto end = await(process->wait());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->value, 0);
  EXPECT_FALSE(*await(process->drain(milliseconds(20))));
  EXPECT_FALSE(output.has_ended(Stream::kOut));
  process.reset();
  EXPECT_EQ(shell("echo go >" + mark + "; while ! test -s " + mark + ".done; do sleep 0.01; done", output).value, 0);
  ::unlink(mark.c_str());
  ::unlink((mark + ".done").c_str());
}

TEST_F(SessionTest, WhatIsLeftInTheBackgroundTakesNoCommandItsPlace) {
  for (std::size_t i = 0; i < kChannelsMax + 10; ++i) {
    Collected output;
    const auto process = start({.argv = {"sh", "-c", "sleep 20 &"}, .cwd = "/"}, output);
    ASSERT_NE(process, nullptr);
    ASSERT_TRUE(await(process->wait()).has_value());
  }
  Collected output;
  EXPECT_EQ(shell("echo still here", output).value, 0);
  EXPECT_EQ(output.out(), "still here\n");
}

TEST_F(SessionTest, DestroyingAProcessKillsIt) {
  Collected output;
  auto process = start({.argv = {"sh", "-c", "echo $$; exec sleep 100"}, .cwd = "/"}, output);
  const auto pid = static_cast<pid_t>(process->pid());
  EXPECT_EQ(::kill(pid, 0), 0);
  process.reset();
  Collected later;
  EXPECT_EQ(shell("while test -d /proc/" + std::to_string(pid) + "; do sleep 0.01; done", later).value, 0);
}

TEST_F(SessionTest, TheAgentEndsACommandWhoseTimeIsOver) {
  Collected output;
  const auto process =
      start({.argv = {"sh", "-c", "sleep 1000 & sleep 1000"}, .cwd = "/", .timeout = milliseconds(100)}, output);
  ASSERT_NE(process, nullptr);
  const ProcessEnd end = finish(*process);  // drained: the one in the background is gone as well
  EXPECT_TRUE(end.is_signalled);
  EXPECT_EQ(end.value, SIGKILL);
  EXPECT_TRUE(end.is_timed_out);
  const auto quick = start({.argv = {"true"}, .cwd = "/", .timeout = seconds(1000)}, output);
  ASSERT_NE(quick, nullptr);
  EXPECT_FALSE(finish(*quick).is_timed_out);
  const auto absurd =
      await(session_->exec({.argv = {"true"}, .cwd = "/", .timeout = std::chrono::hours(24 * 50)}, output));
  EXPECT_EQ(absurd.error().code(), Code::kInvalidArgument);
}

TEST_F(SessionTest, AWaitCanBeCancelled) {
  Collected output;
  auto process = start({.argv = {"sleep", "100"}, .cwd = "/"}, output);
  const auto end = run(io_, with_timeout(milliseconds(5), process->wait(), "the program"));
  EXPECT_EQ(end.error().code(), Code::kDeadline);
  EXPECT_TRUE(process->signal(SIGKILL).has_value());
  EXPECT_EQ(finish(*process).value, SIGKILL);
}

TEST_F(SessionTest, RequestsGoOutInOrderWithoutWaiting) {
  Collected output;
  const std::string script = "echo pipelined";
  const std::string path = "/tmp/brig-pipelined-" + std::to_string(::getpid());
  auto written = session_->write_file(*GuestPath::parse(path), bytes_of(script), {});
  auto starting = session_->exec({.argv = {"/bin/sh", path}, .cwd = "/"}, output);
  auto process = await(std::move(starting));  // the later one first: both were sent
  EXPECT_TRUE(await(std::move(written)).has_value());
  EXPECT_EQ(finish(**process).value, 0);
  EXPECT_EQ(output.out(), "pipelined\n");
  ::unlink(path.c_str());
}

TEST_F(SessionTest, WhenTheAgentDiesEverybodyHearsOfIt) {
  Collected output;
  auto process = start({.argv = {"sleep", "100"}, .cwd = "/"}, output);
  const auto pid = static_cast<pid_t>(process->pid());
  ::kill(agent_.pid(), SIGKILL);
  EXPECT_EQ(await(process->wait()).error().code(), Code::kUnavailable);
  EXPECT_EQ(await(session_->stat(*GuestPath::parse("/"))).error().code(), Code::kUnavailable);
  ::kill(pid, SIGKILL);
}

TEST_F(SessionTest, WhenTheSessionGoesEverythingInsideEnds) {
  Collected output;
  auto process = start({.argv = {"sleep", "100"}, .cwd = "/"}, output);
  session_.reset();
  EXPECT_EQ(await(process->wait()).error().code(), Code::kCancelled);
  EXPECT_EQ(agent_.wait(), 0);
}

TEST_F(SessionTest, StopEndsTheAgent) {
  session_->stop();
  EXPECT_EQ(await(session_->stat(*GuestPath::parse("/"))).error().code(), Code::kUnavailable);
  EXPECT_EQ(agent_.wait(), 0);
}

}  // namespace
}  // namespace brig::guest
