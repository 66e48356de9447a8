#pragma once
/// The conformance suite: what every wall must do, whatever it is made of. A suite is instantiated where a wall is
/// known:
///
///     INSTANTIATE_TEST_SUITE_P(Process, Conformance, testing::Values(WallUnderTest{"process", make}), wall_name);
///
/// The guest of every cell must be the real agent, with a shell in PATH. Skips, with the reason, where the wall cannot
/// be built.
#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
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
  std::unique_ptr<Cell> create(policy::Policy policy = {}) {
    static int number = 0;
    auto cell = await(runtime_->create({.id = "conformance-" + std::to_string(++number),
                                        .policy = std::move(policy),
                                        .lifetime = std::chrono::seconds(30)}));
    EXPECT_TRUE(cell.has_value()) << cell.error().message();
    return cell ? *std::move(cell) : nullptr;
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
  char byte = 0;
  ssize_t count = -1;
  for (int i = 0; i < 500 && (count = ::read(channel.get(), &byte, 1)) < 0; ++i) ::usleep(10'000);
  EXPECT_EQ(count, 0) << "the agent still holds its channel";
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
    EXPECT_TRUE(await(cell->pause()).has_value());
    EXPECT_TRUE(await(cell->resume()).has_value());
  } else {
    EXPECT_EQ(await(cell->pause()).error().code(), Code::kUnsupported);
  }
}

}  // namespace brig::runtime::testing
