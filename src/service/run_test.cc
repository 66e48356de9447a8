#include "service/run.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/timer.h"
#include "runtime/testing/fake_runtime.h"
#include "runtime/testing/scripted_guest.h"
#include "service/report.h"

namespace brig::service {
namespace {

using guest::Exited;
using runtime::Cause;
using runtime::testing::ScriptedGuest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Live final : public RunObserver {
 public:
  void on_head(guest::Stream stream, std::span<const std::byte> bytes) override {
    (stream == guest::Stream::kErr ? err : out).append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::string out;
  std::string err;
};

class RunTask : public ::testing::Test {
 protected:
  /// Runs `spec_` against a guest that does `on_exec`; `prepare` sets the guest up.
  Result<RunReport> run_against(ScriptedGuest::OnExec on_exec, std::function<void(ScriptedGuest&)> prepare = {}) {
    fake_.behaviour.guest = [this, on_exec = std::move(on_exec), prepare = std::move(prepare)](FdRef fd) {
      ScriptedGuest guest(fd);
      if (prepare) prepare(guest);
      guest.serve(on_exec);
      argv_ = guest.argv;
      written_ = guest.written;
      input_ = guest.input;
    };
    asio::io_context io;
    auto report = run(io, run_task(fake_, std::move(spec_), live_));
    EXPECT_EQ(fake_.record.alive, 0) << "the sandbox outlived its run";
    return report;
  }
  Result<RunReport> run_against_end(const Exited& end) {
    return run_against([end](ScriptedGuest& guest, std::uint32_t channel) { guest.run(channel, "", "", end); });
  }

  runtime::testing::FakeRuntime fake_;
  TaskSpec spec_{.id = "test", .program = Command{{"true"}}};
  Live live_;
  std::vector<std::string> argv_;
  std::map<std::string, std::string> written_;
  std::string input_;
};

TEST_F(RunTask, RunsACommandAndReportsHowItEnded) {
  const auto report = run_against([](ScriptedGuest& guest, std::uint32_t channel) {
    guest.run(channel, "hello", "oops", Exited{.value = 3, .user_us = 5000, .system_us = 2000, .max_rss = 4096});
  });
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_EQ(status_of(report->exit), "error");
  EXPECT_EQ(report->exit.value, 3);
  EXPECT_EQ(report->exit.usage.cpu, Milliseconds(7));
  EXPECT_EQ(report->out.text(), "hello");
  EXPECT_EQ(report->err.text(), "oops");
  EXPECT_EQ(live_.out, "hello");
  EXPECT_EQ(live_.err, "oops");
  EXPECT_EQ(report->attestation.runtime, "fake");
  EXPECT_THAT(argv_, ElementsAre("true"));
  ASSERT_THAT(fake_.record.created, SizeIs(1));
  EXPECT_GT(fake_.record.created[0].lifetime, fake_.record.created[0].policy.limits.timeout);
}

TEST_F(RunTask, WritesTheProgramBeforeItRuns) {
  spec_.program = Script{
      .language = *find_language("bash"), .origin = Origin::kFile, .name = "a.sh", .text = "ls", .arguments = {"x"}};
  ASSERT_TRUE(run_against_end({}).has_value());
  EXPECT_EQ(written_["/workspace/a.sh"], "ls");
  EXPECT_THAT(argv_, ElementsAre("bash", "/workspace/a.sh", "x"));
}

TEST_F(RunTask, WritesALargeProgramWholly) {
  const std::string text(3 << 20, 'x');
  spec_.program = Script{.language = *find_language("js"), .name = {}, .text = text, .arguments = {}};
  ASSERT_TRUE(run_against_end({}).has_value());
  EXPECT_TRUE(written_["/tmp/.brig/main.js"] == text);
}

/// A wall that cannot show what is on this host gets copies.
TEST_F(RunTask, CopiesFilesWhereTheyCannotBeShown) {
  std::string folder = "/tmp/brig-copies-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string big(std::size_t{3} * guest::kWindow, 'x');
  std::ofstream(folder + "/data") << big;
  const auto show = [&](const std::string& from, policy::Access access = policy::Access::kReadOnly) {
    spec_ = {.id = "test", .program = Command{{"true"}}};
    spec_.policy.mounts = {
        {.from = *HostPath::parse(from), .to = *GuestPath::parse("/workspace/data"), .access = access}};
  };
  show(folder + "/data");
  ASSERT_TRUE(run_against_end({}).has_value());
  EXPECT_TRUE(written_.empty());
  ASSERT_THAT(fake_.record.created, SizeIs(1));
  EXPECT_THAT(fake_.record.created[0].policy.mounts, SizeIs(1)) << "a wall that shows files shows them";

  fake_.behaviour.may_mount = false;
  show(folder + "/data");
  ASSERT_TRUE(run_against_end({}).has_value());
  EXPECT_EQ(written_["/workspace/data"], big);
  EXPECT_THAT(fake_.record.created[1].policy.mounts, IsEmpty());

  for (const auto& [from, access] :
       {std::pair(folder, policy::Access::kReadOnly), std::pair(folder + "/data", policy::Access::kReadWrite)}) {
    show(from, access);
    const auto refused = run_against_end({});
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), Code::kUnsupported);
  }
  EXPECT_THAT(fake_.record.created, SizeIs(2)) << "nothing was made for what is refused";
  std::filesystem::remove_all(folder);
}

TEST_F(RunTask, FeedsTheInputAndEndsIt) {
  const std::string path = std::filesystem::temp_directory_path() / ("brig-run-test-" + std::to_string(::getpid()));
  std::ofstream(path) << std::string(200'000, 'i');
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::filesystem::remove(path);
  spec_.input = file.ref();
  // The command ends when its input has come: the script only starts it, and the last Data is recognised by the total.
  const auto report = run_against([](ScriptedGuest& guest, std::uint32_t channel) {
    guest.send(guest::Started{.pid = 2}, channel);
    while (guest.input.size() < 200'000 && guest.read_frame()) {
      if (guest.header().type == guest::Type::kData) {
        guest.input += std::string(guest.header().length, 'i');
        guest.send(guest::Window{.bytes = guest.header().length}, channel);
      }
    }
    guest.send(Exited{}, channel);
    for (const auto stream : {guest::Stream::kOut, guest::Stream::kErr, guest::Stream::kResults}) {
      guest.send_frame(guest::Type::kEnd, stream, channel, {});
    }
  });
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_EQ(status_of(report->exit), "ok");
  EXPECT_EQ(input_.size(), 200'000U);
}

TEST_F(RunTask, EndsWhatTakesTooLong) {
  spec_.policy.limits.timeout = Milliseconds(30);
  const auto report = run_against([](ScriptedGuest& guest, std::uint32_t channel) {
    guest.send(guest::Started{.pid = 2}, channel);
    guest.print(channel, guest::Stream::kOut, "so far");
  });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->exit.cause, Cause::kTimeout);
  EXPECT_EQ(report->out.text(), "so far");
  EXPECT_EQ(exit_code_of(*report), 124);
}

TEST_F(RunTask, EndsWhatPrintsTooMuch) {
  spec_.policy.limits.output = Bytes{10};
  spec_.policy.limits.output_total = Bytes{1000};
  const auto report = run_against([](ScriptedGuest& guest, std::uint32_t channel) {
    guest.send(guest::Started{.pid = 2}, channel);
    guest.print(channel, guest::Stream::kOut, std::string(2000, 'x'));
  });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->exit.cause, Cause::kOutputLimit);
  EXPECT_EQ(report->out.elided(), 1990U);
  EXPECT_EQ(live_.out, "xxxxx");
}

TEST_F(RunTask, AGuestThatForgesChangesOnlyItsOwnFate) {
  const auto report = run_against([](ScriptedGuest& guest, std::uint32_t channel) {
    guest.send(guest::Started{.pid = 2}, channel);
    guest.print(channel, guest::Stream::kOut, "kept");
    guest.send_garbage();
  });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(status_of(report->exit), "policy_kill");
  EXPECT_EQ(report->out.text(), "kept");
  EXPECT_THAT(report->note, HasSubstr("protocol"));
}

TEST_F(RunTask, AGuestThatDiesIsASignal) {
  fake_.behaviour.guest = [](FdRef fd) {
    ScriptedGuest guest(fd);
    guest.read_frame();  // and gone
  };
  asio::io_context io;
  const auto report = run(io, run_task(fake_, std::move(spec_), live_));
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_EQ(report->exit.cause, Cause::kSignalled);
  EXPECT_EQ(report->exit.value, SIGKILL);
}

TEST_F(RunTask, AGuestThatDiesOfMemoryIsTheMemoryLimit) {
  fake_.behaviour.report.memory_kills = 1;
  fake_.behaviour.guest = [](FdRef fd) { ScriptedGuest(fd).read_frame(); };
  asio::io_context io;
  const auto report = run(io, run_task(fake_, std::move(spec_), live_));
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->exit.cause, Cause::kMemoryLimit);
}

TEST_F(RunTask, AMissingCommandEndsAsInAShell) {
  const auto report = run_against([](ScriptedGuest& guest, std::uint32_t channel) {
    guest.send(guest::Failed{.os_error = ENOENT, .text = "find"}, channel);
  });
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_EQ(exit_code_of(*report), 127);
  EXPECT_THAT(report->note, HasSubstr("no program \"true\""));
}

TEST_F(RunTask, AMissingInterpreterIsOurFailure) {
  spec_.program = Script{.language = *find_language("js"), .name = {}, .text = "1", .arguments = {}};
  const auto report = run_against([](ScriptedGuest& guest, std::uint32_t channel) {
    guest.send(guest::Failed{.os_error = ENOENT, .text = "find"}, channel);
  });
  ASSERT_FALSE(report.has_value());
  EXPECT_THAT(report.error().message(), HasSubstr("install nodejs"));
}

TEST_F(RunTask, NoProcessLeftIsThePidsLimit) {
  const auto report = run_against([](ScriptedGuest& guest, std::uint32_t channel) {
    guest.send(guest::Failed{.os_error = EAGAIN, .text = "fork"}, channel);
  });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(status_of(report->exit), "pids_limit");
}

TEST_F(RunTask, CollectsFilesAndFigures) {
  std::string folder = std::filesystem::temp_directory_path() / "brig-run-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  spec_.out = *HostPath::parse(folder);
  spec_.program = Script{
      .language = *find_language("bash"), .origin = Origin::kFile, .name = "a.sh", .text = "ls", .arguments = {}};
  const auto report = run_against(
      [](ScriptedGuest& guest, std::uint32_t channel) {
        guest.run(channel, "", "", Exited{},
                  R"({"type":"result","data":{"image/png":"aGk="}})"
                  "\n"
                  R"({"type":"error","name":"E","value":"v","traceback":"t"})"
                  "\n");
      },
      [](ScriptedGuest& guest) {
        guest.left = {{"a.sh", {"ls"}},
                      {"figure-1.png", {"mine"}},
                      {"figure-2.png/x", {"mine"}},
                      {"link", {"", guest::FileType::kSymlink}},
                      {"../up", {"x"}}};
      });
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_FALSE(report->trouble.has_value());
  EXPECT_THAT(report->files.files, SizeIs(4));
  EXPECT_THAT(report->figures, ElementsAre("figure-3.png"));
  EXPECT_EQ(report->results.error()->name, "E");
  std::ifstream file(folder + "/figure-1.png");
  std::string word;
  file >> word;
  EXPECT_EQ(word, "mine");
  EXPECT_FALSE(std::filesystem::exists(folder + "/a.sh"));
  std::filesystem::remove_all(folder);
}

TEST_F(RunTask, AGuestThatLiesAboutItsFilesKeepsItsStatus) {
  spec_.wants_files = true;
  const auto report =
      run_against([](ScriptedGuest& guest, std::uint32_t channel) { guest.run(channel, "", "", Exited{}); },
                  [](ScriptedGuest& guest) { guest.is_lying_about_lists = true; });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(status_of(report->exit), "ok");
  EXPECT_THAT(report->note, HasSubstr("incomplete"));
}

TEST_F(RunTask, StartsNothingThatIsNotAdmitted) {
  fake_.behaviour.admit_error = Error(Code::kUnsupported, "no Landlock");
  const auto report = run_against_end({});
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Code::kUnsupported);
  EXPECT_THAT(fake_.record.created, IsEmpty());
}

TEST_F(RunTask, ASandboxThatCannotBeRemovedIsOurTrouble) {
  fake_.behaviour.destroy_error = Error(Code::kSystem, "a cgroup is stuck");
  const auto report = run_against_end({});
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(exit_code_of(*report), 125);
  EXPECT_THAT(to_json(*report), HasSubstr("a cgroup is stuck"));
}

TEST_F(RunTask, CancellingDestroysTheSandbox) {
  fake_.behaviour.guest = [](FdRef fd) {
    ScriptedGuest guest(fd);
    guest.serve([](ScriptedGuest& g, std::uint32_t channel) { g.send(guest::Started{.pid = 2}, channel); });
  };
  asio::io_context io;
  const auto report = run(io, with_timeout(Milliseconds(30), run_task(fake_, std::move(spec_), live_), "the test"));
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Code::kDeadline);
  EXPECT_EQ(fake_.record.alive, 0);
}

TEST(EnvironmentOf, LetsThePolicyReplaceAndAdd) {
  policy::Policy policy;
  policy.environment = {{"LANG", "de"}, {"X", "a=b"}};
  EXPECT_THAT(environment_of(policy), ::testing::IsSupersetOf({"LANG=de", "X=a=b", "HOME=/home/user"}));
  EXPECT_THAT(environment_of(policy), ::testing::Contains("OPENBLAS_NUM_THREADS=1"));
  policy.limits.cpu_millis = 1001;
  EXPECT_THAT(environment_of(policy), ::testing::Contains("OPENBLAS_NUM_THREADS=2"));
  policy.libraries.use = {"pandas"};
  EXPECT_THAT(environment_of(policy), ::testing::Contains("PYTHONPATH=/brig/lib"));
  policy.environment.push_back({"PYTHONPATH", "/workspace"});
  EXPECT_THAT(environment_of(policy), ::testing::Contains("PYTHONPATH=/brig/lib:/workspace"));
}

}  // namespace
}  // namespace brig::service
