#pragma once
/// The conformance suite: what every wall must do, whatever it is made of. A suite is instantiated where a wall is
/// known:
///
///     INSTANTIATE_TEST_SUITE_P(Process, Conformance, testing::Values(WallUnderTest{"process", make}), wall_name);
///
/// The guest of every cell must be the real agent, with a shell in PATH. Skips, with the reason, where the wall cannot
/// be built.
#include <gmock/gmock.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/task_group.h"
#include "async/timer.h"
#include "guest/session.h"
#include "runtime/runtime.h"

namespace brig::runtime::testing {

struct WallUnderTest {
  std::string name;
  std::function<std::unique_ptr<Runtime>(const asio::any_io_executor&)> make;
};

inline std::string wall_name(const ::testing::TestParamInfo<WallUnderTest>& info) { return info.param.name; }
inline void PrintTo(const WallUnderTest& wall, std::ostream* out) { *out << wall.name; }

/// Keeps what a command prints.
class Printed final : public guest::OutputSink {
 public:
  void on_output(guest::Stream stream, std::span<const std::byte> bytes) override {
    (stream == guest::Stream::kErr ? err : out).append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::string out;
  std::string err;
};

class Conformance : public ::testing::TestWithParam<WallUnderTest> {
 protected:
  void SetUp() override {
    runtime_ = GetParam().make(io_.get_executor());
    const Probe probe = runtime_->probe();
    if (probe.is_available) return;
    std::string why;
    for (const Finding& finding : probe.findings) {
      if (finding.state == Finding::State::kMissing) why += finding.what + ": " + finding.why + "; ";
    }
    GTEST_SKIP() << GetParam().name << " cannot be built here: " << why;
  }

  template <class T>
  Result<T> await(Task<T> task) {
    return run(io_, with_timeout(std::chrono::seconds(20), std::move(task), "the test"));
  }
  std::unique_ptr<Cell> create(policy::Policy policy = {}, Milliseconds lifetime = std::chrono::seconds(30)) {
    static int number = 0;
    auto cell = await(runtime_->create(
        {.id = "conformance-" + std::to_string(++number), .policy = std::move(policy), .lifetime = lifetime}));
    EXPECT_TRUE(cell.has_value()) << cell.error().message();
    return cell ? *std::move(cell) : nullptr;
  }
  void finish(const TaskGroup& tasks) {
    io_.restart();
    while (tasks.size() > 0 && io_.run_one_for(std::chrono::seconds(20)) > 0) {
    }
    EXPECT_EQ(tasks.size(), 0U) << "somebody waits for ever";
  }
  /// Runs a shell script in the cell, whose channel this takes.
  Result<guest::ProcessEnd> shell(Cell& cell, const std::string& script, Printed& printed) {
    return await(run_shell(io_.get_executor(), cell.take_channel(), script, printed));
  }

  asio::io_context io_;
  std::unique_ptr<Runtime> runtime_;

 private:
  static Task<guest::ProcessEnd> run_shell(asio::any_io_executor executor, Fd channel, std::string script,
                                           Printed& printed) {
    CO_TRY(const auto session, guest::Session::connect(executor, std::move(channel)));
    guest::ExecRequest request{.argv = {"sh", "-c", std::move(script)}, .env = {"PATH=/usr/bin:/bin"}};
    CO_TRY(const auto process, co_await session->exec(std::move(request), printed));
    CO_TRY(const guest::ProcessEnd end, co_await process->wait());
    CO_TRY([[maybe_unused]] const bool is_all, co_await process->drain(std::chrono::seconds(5)));
    co_return end;
  }
};

/// Blocks until the cell's channel ends, by itself.
inline void expect_end_of(const Fd& channel) {
  char byte = 0;
  ssize_t count = -1;
  for (int i = 0; i < 2000 && (count = ::read(channel.get(), &byte, 1)) < 0; ++i) ::usleep(10'000);
  EXPECT_EQ(count, 0) << "the agent still holds its channel";
}

TEST_P(Conformance, HasANameAndAdmitsTheDefaultPolicy) {
  EXPECT_FALSE(runtime_->name().empty());
  EXPECT_TRUE(runtime_->admit({}).has_value());
}

TEST_P(Conformance, AdmitNamesTheSameWeaknessesAsTheAttestation) {
  const auto weaknesses = runtime_->admit({});
  ASSERT_TRUE(weaknesses.has_value());
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  EXPECT_THAT(cell->attestation().weaknesses, ::testing::UnorderedElementsAreArray(*weaknesses));
  EXPECT_EQ(cell->attestation().runtime, runtime_->name());
  EXPECT_EQ(cell->attestation().capabilities, "none");
}

TEST_P(Conformance, RefusesAFloorAboveItself) {
  policy::Policy policy;
  policy.require = policy::Boundary::kHardware;
  if (runtime_->probe().boundary == policy::Boundary::kHardware) GTEST_SKIP() << "nothing is stronger than this wall";
  const auto admitted = runtime_->admit(policy);
  ASSERT_FALSE(admitted.has_value());
  EXPECT_EQ(admitted.error().code(), Code::kUnsupported);
}

TEST_P(Conformance, RunsACommandAsAnUnprivilegedUserInItsFolder) {
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  Printed printed;
  const auto end = shell(*cell, "echo out; echo err >&2; pwd; id -u; exit 7", printed);
  ASSERT_TRUE(end.has_value()) << end.error().message();
  EXPECT_EQ(end->value, 7);
  EXPECT_EQ(printed.out, "out\n/workspace\n1000\n");
  EXPECT_EQ(printed.err, "err\n");
}

TEST_P(Conformance, RunsACommandAtATerminal) {
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  const auto session = guest::Session::connect(io_.get_executor(), cell->take_channel());
  ASSERT_TRUE(session.has_value());
  Printed printed;
  guest::ExecRequest request{.argv = {"sh", "-c", "test -t 0 && test -t 1 && stty size"},
                             .env = {"PATH=/usr/bin:/bin"}};
  request.terminal = guest::TerminalSize{.rows = 33, .columns = 77};
  auto process = await((*session)->exec(std::move(request), printed));
  ASSERT_TRUE(process.has_value()) << process.error().message();
  const auto end = await((*process)->wait());
  ASSERT_TRUE(end.has_value());
  ASSERT_TRUE(await((*process)->drain(std::chrono::seconds(5))).has_value());
  EXPECT_EQ(end->value, 0);
  EXPECT_THAT(printed.out, ::testing::HasSubstr("33 77"));
}

TEST_P(Conformance, HandsItsChannelOutOnce) {
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  EXPECT_TRUE(cell->take_channel().is_open());
  EXPECT_FALSE(cell->take_channel().is_open());
}

TEST_P(Conformance, DestroyIsIdempotentAndFinal) {
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  EXPECT_TRUE(await(cell->stats()).has_value());
  EXPECT_TRUE(await(cell->destroy()).has_value());
  EXPECT_TRUE(await(cell->destroy()).has_value());
  const auto stats = await(cell->stats());
  ASSERT_FALSE(stats.has_value());
  EXPECT_EQ(stats.error().code(), Code::kUnavailable);
}

TEST_P(Conformance, DestroyingEndsWhatStillRuns) {
  auto cell = create();
  ASSERT_NE(cell, nullptr);
  const Fd channel = cell->take_channel();
  cell.reset();
  expect_end_of(channel);
}

TEST_P(Conformance, EndsWhenItsLifeIsOverAndSaysSo) {
  const auto cell = create({}, Milliseconds(200));
  ASSERT_NE(cell, nullptr);
  expect_end_of(cell->take_channel());
  const auto late = await(cell->set_lifetime(std::chrono::seconds(30)));
  ASSERT_FALSE(late.has_value()) << "what has expired was extended";
  EXPECT_EQ(late.error().code(), Code::kUnavailable);
  const auto report = await(cell->destroy());
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_TRUE(report->has_expired);
}

TEST_P(Conformance, ALifeCanBeExtended) {
  const auto cell = create({}, std::chrono::seconds(2));
  ASSERT_NE(cell, nullptr);
  ASSERT_TRUE(await(cell->set_lifetime(std::chrono::seconds(30))).has_value());
  ASSERT_TRUE(await(sleep(Milliseconds(3500))).has_value());  // beyond the first end and whatever grace follows it
  EXPECT_TRUE(await(cell->stats()).has_value()) << "the first deadline still holds";
  const auto report = await(cell->destroy());
  ASSERT_TRUE(report.has_value());
  EXPECT_FALSE(report->has_expired);
}

TEST_P(Conformance, ALifeCanBeGivenAnEndOrNone) {
  const auto cell = create({}, Milliseconds(0));
  ASSERT_NE(cell, nullptr);
  const Fd channel = cell->take_channel();
  EXPECT_TRUE(await(cell->set_lifetime(std::chrono::seconds(30))).has_value());
  EXPECT_TRUE(await(cell->set_lifetime(Milliseconds(0))).has_value());
  EXPECT_EQ(await(cell->set_lifetime(Milliseconds(-1))).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(await(cell->set_lifetime(Milliseconds::max())).error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(await(cell->set_lifetime(Milliseconds(1))).has_value());
  expect_end_of(channel);
  EXPECT_TRUE(await(cell->destroy())->has_expired);
}

TEST_P(Conformance, ManyMayAskAtOnce) {
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  std::vector<Error> failures;
  TaskGroup tasks(io_.get_executor(), [&](const Error& error) { failures.push_back(error); });
  const auto ignore_figures = [](Task<CellReport> task) -> Task<> {
    CO_TRY([[maybe_unused]] const CellReport report, co_await std::move(task));
    co_return Result<>();
  };
  for (int i = 0; i < 20; ++i) {
    tasks.spawn(ignore_figures(cell->stats()));
    tasks.spawn(cell->set_lifetime(std::chrono::seconds(30)));
  }
  finish(tasks);
  EXPECT_TRUE(failures.empty()) << failures.front().message();
  for (int i = 0; i < 20; ++i) tasks.spawn(ignore_figures(cell->stats()));
  const auto first = await(cell->destroy());
  EXPECT_TRUE(first.has_value());
  finish(tasks);
  for (const Error& error : failures) EXPECT_EQ(error.code(), Code::kUnavailable) << error.message();
}

TEST_P(Conformance, SeveralMayDestroyAtOnce) {
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  int reports = 0;
  const auto count = [&reports](Task<CellReport> task) -> Task<> {
    CO_TRY([[maybe_unused]] const CellReport report, co_await std::move(task));
    ++reports;
    co_return Result<>();
  };
  TaskGroup tasks(io_.get_executor());
  for (int i = 0; i < 5; ++i) tasks.spawn(count(cell->destroy()));
  finish(tasks);
  EXPECT_EQ(reports, 5);
}

TEST_P(Conformance, AQuestionThatNobodyWaitsForDisturbsNoOther) {
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  for (int i = 0; i < 20; ++i) (void)run(io_, with_timeout(Milliseconds(0), cell->stats(), "the figures")).has_value();
  EXPECT_TRUE(await(cell->set_lifetime(std::chrono::seconds(30))).has_value());
  EXPECT_TRUE(await(cell->stats()).has_value());
}

TEST_P(Conformance, WhoStillAsksWhenTheCellGoesHearsOfIt) {
  auto cell = create();
  ASSERT_NE(cell, nullptr);
  auto figures = cell->stats();
  auto extending = cell->set_lifetime(std::chrono::seconds(30));
  cell.reset();
  EXPECT_EQ(await(std::move(figures)).error().code(), Code::kUnavailable);
  EXPECT_EQ(await(std::move(extending)).error().code(), Code::kUnavailable);
}

TEST_P(Conformance, CellsDoNotSeeEachOther) {
  const auto one = create();
  const auto other = create();
  ASSERT_NE(one, nullptr);
  ASSERT_NE(other, nullptr);
  Printed first;
  ASSERT_TRUE(shell(*one, "echo secret > /tmp/x; echo secret > /workspace/x; echo done", first).has_value());
  EXPECT_EQ(first.out, "done\n");
  Printed second;
  ASSERT_TRUE(shell(*other, "cat /tmp/x /workspace/x 2>/dev/null; ls /workspace | wc -l", second).has_value());
  EXPECT_EQ(second.out, "0\n");
}

TEST_P(Conformance, WhatIsNotSupportedSaysSo) {
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  if (runtime_->capabilities().may_pause) {
    const auto paused = await(cell->pause());
    EXPECT_TRUE(paused.has_value()) << paused.error().message();
    EXPECT_TRUE(await(cell->resume()).has_value());
    return;
  }
  EXPECT_EQ(await(cell->pause()).error().code(), Code::kUnsupported);
  EXPECT_EQ(await(cell->resume()).error().code(), Code::kUnsupported);
}

TEST_P(Conformance, APausedCellStandsStillAndGoesOn) {
  if (!runtime_->capabilities().may_pause) GTEST_SKIP() << "this wall cannot pause here";
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  const auto session = guest::Session::connect(io_.get_executor(), cell->take_channel());
  ASSERT_TRUE(session.has_value());
  const auto place = *GuestPath::parse("/tmp");
  ASSERT_TRUE(await((*session)->stat(place)).has_value());
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(await(cell->resume()).has_value()) << "what runs may be resumed";
    ASSERT_TRUE(await(cell->pause()).has_value());
    const auto again = await(cell->pause());
    ASSERT_TRUE(again.has_value()) << again.error().message();
    auto answer = (*session)->stat(place);
    const auto silence = run(io_, with_timeout(Milliseconds(100), std::move(answer), "the frozen agent"));
    ASSERT_FALSE(silence.has_value());
    EXPECT_EQ(silence.error().code(), Code::kDeadline);
    EXPECT_TRUE(await(cell->stats()).has_value()) << "figures come from outside";
    EXPECT_TRUE(await(cell->set_lifetime(std::chrono::seconds(30))).has_value());
    ASSERT_TRUE(await(cell->resume()).has_value());
    EXPECT_TRUE(await((*session)->stat(place)).has_value());
  }
}

TEST_P(Conformance, APausedCellCanBeDestroyed) {
  if (!runtime_->capabilities().may_pause) GTEST_SKIP() << "this wall cannot pause here";
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  ASSERT_TRUE(await(cell->pause()).has_value());
  const auto report = await(cell->destroy());
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_FALSE(report->has_expired);
}

TEST_P(Conformance, APausedCellThatIsDroppedEnds) {
  if (!runtime_->capabilities().may_pause) GTEST_SKIP() << "this wall cannot pause here";
  auto cell = create();
  ASSERT_NE(cell, nullptr);
  const Fd channel = cell->take_channel();
  ASSERT_TRUE(await(cell->pause()).has_value());
  cell.reset();
  expect_end_of(channel);
}

TEST_P(Conformance, APausedCellExpires) {
  if (!runtime_->capabilities().may_pause) GTEST_SKIP() << "this wall cannot pause here";
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  const Fd channel = cell->take_channel();
  ASSERT_TRUE(await(cell->pause()).has_value());
  ASSERT_TRUE(await(cell->set_lifetime(Milliseconds(50))).has_value());
  expect_end_of(channel);
  EXPECT_TRUE(await(cell->destroy())->has_expired);
}

}  // namespace brig::runtime::testing
