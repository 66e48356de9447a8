#include "sandboxes/pools.h"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/timer.h"
#include "runtime/testing/fake_runtime.h"
#include "runtime/testing/scripted_guest.h"

namespace brig::sandboxes {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class PoolsTest : public ::testing::Test {
 protected:
  PoolsTest() {
    fake_.behaviour.guest = [](FdRef fd) {
      runtime::testing::ScriptedGuest guest(fd);
      guest.serve([](runtime::testing::ScriptedGuest&, std::uint32_t) {});
    };
    fake_.behaviour.report.memory = mebibytes(10);
  }
  ~PoolsTest() override {
    if (pools_) EXPECT_TRUE(await(pools_->stop()));
    pools_.reset();
    for (int i = 0; i < 1000 && fake_.record.alive > 0; ++i) EXPECT_TRUE(await(sleep(5ms)));
    EXPECT_EQ(fake_.record.alive, 0) << "a prepared cell outlived its pool";
  }
  Pools& pools() {
    if (!pools_) {
      pools_ = std::make_unique<Pools>(
          limits_, io_.get_executor(), [this] { return "cell-" + std::to_string(++number_); },
          [this](const CellKind&) {
            ++zygotes_;
            return ZygoteSpec{.environment = {"A=b"}};
          },
          [this](const Error& error) { failures_.push_back(error.message()); });
    }
    return *pools_;
  }
  template <class T>
  Result<T> await(Task<T> task) {
    return run(io_, std::move(task));
  }
  /// A kind of its own for each number of processes.
  CellKind kind(std::uint32_t pids = 64, const std::string& template_name = "host") {
    policy::Policy policy;
    policy.limits.pids = pids;
    return kind_of(fake_, {.name = template_name}, policy);
  }
  PoolFigures figures(const std::string& template_name = "host") {
    for (PoolFigures& one : pools().figures())
      if (one.template_name == template_name) return one;
    return {};
  }
  void await_ready(std::size_t count, const std::string& template_name = "host") {
    for (int i = 0; i < 1000 && figures(template_name).ready != count; ++i) ASSERT_TRUE(await(sleep(5ms)));
    ASSERT_EQ(figures(template_name).ready, count);
  }
  /// Nothing changes any more, as far as one can wait for that.
  void settle() { ASSERT_TRUE(await(sleep(60ms))); }

  asio::io_context io_;
  runtime::testing::FakeRuntime fake_;
  PoolLimits limits_{.size = 2, .templates = {}, .memory = mebibytes(1000)};
  std::vector<std::string> failures_;
  int number_ = 0;
  int zygotes_ = 0;  ///< asked for
  std::unique_ptr<Pools> pools_;
};

TEST_F(PoolsTest, WhatIsKeptIsReadyBeforeAnybodyAsksAndRefills) {
  pools().keep(kind());
  await_ready(2);
  EXPECT_EQ(figures().memory, mebibytes(20));
  const auto first = pools().take(kind());
  const auto second = pools().take(kind());
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->id, second->id);
  EXPECT_FALSE(pools().take(kind()));
  await_ready(2);
  EXPECT_EQ(figures().hits, 2U);
  EXPECT_EQ(figures().misses, 1U);
  EXPECT_EQ(figures().wanted, 2U);
}

TEST_F(PoolsTest, EnvironmentAndWhatACommandIsGivenMakeNoOtherKind) {
  policy::Policy policy;
  policy.limits.pids = 64;
  policy.environment = {{"A", "b"}};
  policy.limits.timeout = 1s;
  policy.runtime = "fake";
  policy.require = policy::Boundary::kSharedKernel;
  EXPECT_EQ(kind_of(fake_, {}, policy), kind());
  EXPECT_NE(kind(65), kind());
  EXPECT_NE(kind(64, "other"), kind());
  EXPECT_NE(kind_of(fake_, {.digest = "another"}, policy), kind()) << "the template was made again";
  runtime::testing::FakeRuntime other("other");
  EXPECT_NE(kind_of(other, {}, policy), kind());
}

TEST_F(PoolsTest, AKindGetsAPoolWhenItIsAskedForAgainAndGrowsToItsSize) {
  EXPECT_FALSE(pools().take(kind()));
  settle();
  EXPECT_EQ(fake_.record.created.size(), 0U) << "nobody prepares for what is asked for once";
  EXPECT_FALSE(pools().take(kind()));
  await_ready(1);
  EXPECT_TRUE(pools().take(kind()));
  await_ready(2);
  for (int i = 0; i < 3; ++i) (void)pools().take(kind());
  EXPECT_EQ(figures().wanted, 2U) << "and no further";
  await_ready(2);
}

TEST_F(PoolsTest, ATemplateMayHaveASizeOfItsOwnOrNone) {
  limits_.templates = {{"large", 3}, {"none", 0}};
  pools().keep(kind(64, "large"));
  await_ready(3, "large");
  pools().keep(kind(64, "none"));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(pools().take(kind(64, "none")));
  settle();
  EXPECT_EQ(fake_.record.created.size(), 3U);
}

TEST_F(PoolsTest, ATemplateThatWasMadeAgainTakesThePlaceOfTheOldOne) {
  CellKind kept = kind(64, "science");
  kept.root.digest = "old";
  pools().keep(kept);
  await_ready(2, "science");
  CellKind newer = kept;
  newer.root.digest = "new";
  EXPECT_FALSE(pools().take(newer)) << "what is ready is of the old one";
  await_ready(2, "science");
  EXPECT_EQ(fake_.record.created.back().root.digest, "new");
  EXPECT_TRUE(pools().take(newer));
  EXPECT_EQ(figures("science").wanted, 2U);
}

TEST_F(PoolsTest, AreWithinTheirBudget) {
  limits_ = {.size = 10, .templates = {}, .memory = mebibytes(35)};
  pools().keep(kind());
  await_ready(3);
  settle();
  EXPECT_EQ(figures().ready, 3U);
  EXPECT_EQ(figures().wanted, 10U);
  EXPECT_LE(pools().memory(), limits_.memory);
  EXPECT_TRUE(pools().take(kind()));
  await_ready(3);
}

TEST_F(PoolsTest, ThePoolThatWasAskedLongestAgoShrinksFirst) {
  limits_ = {.size = 2, .templates = {}, .memory = mebibytes(45)};
  pools().keep(kind(1, "old"));
  pools().keep(kind(2, "older"));
  await_ready(2, "old");
  await_ready(2, "older");
  EXPECT_TRUE(pools().take(kind(1, "old")));
  await_ready(2, "old");
  for (int i = 0; i < 3; ++i) (void)pools().take(kind(3, "new"));
  await_ready(2, "new");
  await_ready(0, "older");
  settle();
  EXPECT_EQ(figures("old").ready, 2U);
  EXPECT_EQ(figures("older").ready, 0U) << "it does not take back what others were asked for later";
  EXPECT_LE(pools().memory(), limits_.memory);
}

TEST_F(PoolsTest, NobodyIsPreparedForAKindThatNobodyAsksForAnyMore) {
  limits_.idle = 300ms;  // long enough to be seen full once
  pools().keep(kind(64, "kept"));
  await_ready(2, "kept");
  (void)pools().take(kind());
  (void)pools().take(kind());
  await_ready(1);
  await_ready(0);
  EXPECT_EQ(figures().wanted, 0U);
  EXPECT_EQ(figures("kept").ready, 2U);
}

TEST_F(PoolsTest, ThereAreOnlySoManyAtOnce) {
  for (std::uint32_t pids = 1; pids <= Pools::kMost + 5; ++pids) {
    (void)pools().take(kind(pids));
    (void)pools().take(kind(pids));
  }
  await_ready(Pools::kMost);
}

TEST_F(PoolsTest, AFailureIsToldOnceAndAnotherPoolGoesOn) {
  runtime::testing::FakeRuntime broken("broken");
  broken.behaviour.create_error = Error(Code::kSystem, "no namespaces left");
  pools().keep(kind_of(broken, {}, {}));
  pools().keep(kind(64, "other"));
  await_ready(2, "other");
  for (int i = 0; i < 1000 && pools().figures().at(0).failures < 2; ++i) ASSERT_TRUE(await(sleep(5ms)));
  EXPECT_GE(pools().figures().at(0).failures, 2U);
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_THAT(failures_.at(0), HasSubstr("no namespaces left"));
  EXPECT_TRUE(await(pools_->stop()));
  pools_.reset();
}

TEST_F(PoolsTest, CellsOfTemplatesThatAreToBeWarmAreReadyWithoutAZygoteAsWell) {
  limits_.warm = {"host"};  // the guest here has no interpreter
  pools().keep(kind());
  await_ready(2);
  EXPECT_EQ(zygotes_, 2);
  const auto taken = pools().take(kind());
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->zygote, nullptr);
}

TEST_F(PoolsTest, OnlyThoseOfThatTemplateWithRoomForItAreWarmed) {
  limits_.warm = {"host"};
  CellKind small = kind();
  small.policy.limits.memory = Bytes{kWarmLeast.count - 1};
  pools().keep(small);
  pools().keep(kind(64, "other"));
  await_ready(2);
  await_ready(2, "other");
  EXPECT_EQ(zygotes_, 0);
}

}  // namespace
}  // namespace brig::sandboxes
