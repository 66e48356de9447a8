#include "sandboxes/timed_pauses.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/timer.h"
#include "runtime/testing/fake_runtime.h"
#include "runtime/testing/scripted_guest.h"
#include "store/testing/temporary_folder.h"
#include "sys/file.h"

namespace brig::sandboxes {
namespace {

using namespace std::chrono_literals;
using runtime::testing::ScriptedGuest;
using ::testing::HasSubstr;

class TimedPausesTest : public ::testing::Test {
 protected:
  TimedPausesTest() {
    fake_.behaviour.may_pause = true;
    fake_.behaviour.guest = [](FdRef fd) { ScriptedGuest(fd).serve([](ScriptedGuest&, std::uint32_t) {}); };
    options_.capacity.pool.size = 0;
    options_.ttl_most = 24h;
    key_ = store_->keys().make({.label = "owner"}, now_)->key;
    all_ = std::make_unique<Sandboxes>(
        options_, walls_, *store_, spool_.ref(), io_.get_executor(), [this] { return now_; }, [](const Happening&) {});
    pauses_ = std::make_unique<TimedPauses>(*all_, io_.get_executor(), [this] { return now_; });
  }
  ~TimedPausesTest() override {
    pauses_->stop();
    EXPECT_TRUE(await(all_->stop()).has_value());
    io_.restart();
    io_.poll();
  }

  template <class T>
  Result<T> await(Task<T> task) {
    return run(io_, std::move(task));
  }
  std::shared_ptr<Sandbox> make(Milliseconds time, bool pauses) {
    const auto made = await(all_->create(key_, {.lifespan = pauses_->lifespan_of(time, pauses)}));
    EXPECT_TRUE(made.has_value()) << made.error().message();
    if (pauses) pauses_->begin(made->sandbox, time);
    return made->sandbox;
  }
  void await_state(const Sandbox& sandbox, State state) {
    for (int i = 0; i < 1000 && sandbox.life().state() != state; ++i) ASSERT_TRUE(await(sleep(5ms)).has_value());
    ASSERT_EQ(sandbox.life().state(), state);
  }

  store::TemporaryFolder folder_;
  WallTime now_ = wall_time(1'000'000);
  asio::io_context io_;
  runtime::testing::FakeRuntime fake_;
  runtime::Walls walls_{fake_};
  std::unique_ptr<store::Store> store_ = *store::Store::open(folder_.path());
  Fd spool_ = *sys::open(folder_.path(), O_PATH | O_DIRECTORY);
  Options options_;
  store::Key key_;
  std::unique_ptr<Sandboxes> all_;
  std::unique_ptr<TimedPauses> pauses_;
};

TEST_F(TimedPausesTest, OneIsPausedWhenItsTimeIsOverAndGivenUpAtLast) {
  const auto sandbox = make(0ms, true);
  await_state(*sandbox, State::kPaused);
  EXPECT_EQ(pauses_->end_of(*sandbox), now_ + 24h);

  ASSERT_TRUE(await(pauses_->resume(sandbox, 10s)).has_value());
  EXPECT_EQ(sandbox->life().state(), State::kRunning);
  EXPECT_EQ(pauses_->end_of(*sandbox), now_ + 10s);
  EXPECT_EQ(sandbox->life().expires_at(), now_ + 24h) << "its own end comes after the pause";

  ASSERT_TRUE(await(pauses_->set_time(sandbox, 0ms, false)).has_value());
  await_state(*sandbox, State::kPaused);
  EXPECT_EQ(fake_.record.pauses, (std::vector<bool>{true, false, true}));
}

TEST_F(TimedPausesTest, AnExtensionNeverShortens) {
  for (const bool pauses : {false, true}) {
    const auto sandbox = make(60s, pauses);
    EXPECT_EQ(pauses_->end_of(*sandbox), now_ + 60s);
    EXPECT_FALSE(await(pauses_->set_time(sandbox, 10s, true)).value());
    EXPECT_EQ(pauses_->end_of(*sandbox), now_ + 60s);
    EXPECT_TRUE(await(pauses_->set_time(sandbox, 90s, true)).value());
    EXPECT_EQ(pauses_->end_of(*sandbox), now_ + 90s);
    EXPECT_TRUE(await(pauses_->set_time(sandbox, 10s, false)).value());
    EXPECT_EQ(pauses_->end_of(*sandbox), now_ + 10s);
  }
}

TEST_F(TimedPausesTest, OneThatIsNotPausedByItselfMayBeForAWhile) {
  const auto sandbox = make(60s, false);
  ASSERT_TRUE(await(pauses_->pause(sandbox)).has_value());
  EXPECT_EQ(pauses_->end_of(*sandbox), now_ + 24h) << "it does not end when its time is over";
  EXPECT_EQ(await(pauses_->pause(sandbox)).error().code(), Code::kConflict);
  ASSERT_TRUE(await(pauses_->resume(sandbox, 30s)).has_value());
  EXPECT_EQ(sandbox->life().expires_at(), now_ + 30s);
}

TEST_F(TimedPausesTest, WhatCannotBePausedIsEnded) {
  fake_.behaviour.may_pause = false;
  const auto sandbox = make(0ms, true);
  await_state(*sandbox, State::kEnded);
  EXPECT_THAT(sandbox->end_detail(), HasSubstr("could not be paused"));
}

TEST_F(TimedPausesTest, NoTimeIsLongerThanTheLongest) {
  const auto sandbox = make(60s, true);
  EXPECT_EQ(await(pauses_->set_time(sandbox, 25h, false)).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(await(pauses_->resume(sandbox, 25h)).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace brig::sandboxes
