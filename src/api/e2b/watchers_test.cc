#include "api/e2b/watchers.h"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/timer.h"

namespace brig::api::e2b {
namespace {

using namespace std::chrono_literals;
using ::testing::SizeIs;

/// What one sees: changes until they end as a test says.
class FakeWatcher final : public guest::Watcher {
 public:
  struct Script {
    std::size_t changes = 0;
    std::size_t name_size = 1;
    std::optional<Error> error;  ///< after them; else nothing comes
    bool is_gone = false;        ///< after them: the folder
    std::size_t taken = 0;
    bool is_alive = true;
  };
  explicit FakeWatcher(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  ~FakeWatcher() override { script_->is_alive = false; }
  Task<std::optional<guest::FileChange>> next() override {
    const auto script = script_;
    if (script->taken < script->changes) {
      ++script->taken;
      co_return guest::FileChange{.kind = guest::ChangeKind::kCreated, .path = std::string(script->name_size, 'x')};
    }
    if (script->error) co_return *script->error;
    if (script->is_gone) co_return std::optional<guest::FileChange>();
    CO_TRY_VOID(co_await sleep(1h));
    co_return Error(Code::kInternal, "nobody waits that long");
  }

 private:
  std::shared_ptr<Script> script_;
};

class WatchersTest : public ::testing::Test {
 protected:
  std::string add(Watchers& watchers, const std::shared_ptr<FakeWatcher::Script>& script, std::string sandbox = "box") {
    auto name = watchers.add(std::move(sandbox), "key", std::make_unique<FakeWatcher>(script),
                             {.folder = *GuestPath::parse("/w"), .includes_entry = true});
    EXPECT_TRUE(name) << name.error().message();
    return name ? *name : "";
  }
  void let_it_run() {
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(run(io_, sleep(1ms)));
  }
  asio::io_context io_;
  std::shared_ptr<FakeWatcher::Script> script_ = std::make_shared<FakeWatcher::Script>();
};

TEST_F(WatchersTest, WhatHappenedIsToldOnce) {
  Watchers watchers(io_.get_executor());
  script_->changes = 3;
  const std::string name = add(watchers, script_);
  let_it_run();
  const auto polled = watchers.poll("box", name);
  ASSERT_TRUE(polled);
  EXPECT_THAT(polled->changes, SizeIs(3));
  EXPECT_TRUE(polled->watched.includes_entry);
  EXPECT_THAT(watchers.poll("box", name)->changes, SizeIs(0));
}

TEST_F(WatchersTest, BelongToTheirSandbox) {
  Watchers watchers(io_.get_executor());
  const std::string name = add(watchers, script_);
  EXPECT_EQ(watchers.poll("other", name).error().code(), Code::kNotFound);
  EXPECT_EQ(watchers.remove("other", name).error().code(), Code::kNotFound);
  EXPECT_EQ(watchers.poll("box", "watcher-0").error().code(), Code::kNotFound);
  EXPECT_TRUE(watchers.remove("box", name));
  EXPECT_EQ(watchers.poll("box", name).error().code(), Code::kNotFound);
  let_it_run();
  EXPECT_FALSE(script_->is_alive);
}

TEST_F(WatchersTest, TakeNoMoreThanTheyMayKeep) {
  Watchers watchers(io_.get_executor());
  script_->changes = 5'000;
  const std::string name = add(watchers, script_);
  let_it_run();
  EXPECT_EQ(script_->taken, Watchers::kWaitingMax);
  EXPECT_THAT(watchers.poll("box", name)->changes, SizeIs(Watchers::kWaitingMax));
  let_it_run();
  EXPECT_EQ(script_->taken, 2 * Watchers::kWaitingMax);
  const auto wide = std::make_shared<FakeWatcher::Script>();
  wide->changes = 1'000;
  wide->name_size = 4'000;
  add(watchers, wide);
  let_it_run();
  EXPECT_LE(wide->taken * wide->name_size, Watchers::kWaitingBytesMax + wide->name_size);
}

TEST_F(WatchersTest, AreAsManyAsTheyMayBe) {
  Watchers watchers(io_.get_executor());
  for (std::size_t i = 0; i < Watchers::kOfSandboxMax; ++i) add(watchers, script_);
  auto more = watchers.add("box", "key", std::make_unique<FakeWatcher>(script_), {.folder = *GuestPath::parse("/w")});
  EXPECT_EQ(more.error().code(), Code::kExhausted);
  add(watchers, script_, "another");
}

TEST_F(WatchersTest, OfOneKeyLeaveRoomForOthers) {
  Watchers watchers(io_.get_executor());
  for (std::size_t i = 0; i < Watchers::kOfOwnerMax; ++i)
    add(watchers, script_, "box " + std::to_string(i / Watchers::kOfSandboxMax));
  const auto add_for = [&](std::string owner) {
    return watchers.add("another", std::move(owner), std::make_unique<FakeWatcher>(script_),
                        {.folder = *GuestPath::parse("/w")});
  };
  EXPECT_EQ(add_for("key").error().code(), Code::kExhausted);
  EXPECT_TRUE(add_for("another key"));
}

TEST_F(WatchersTest, TellHowTheyEnded) {
  Watchers watchers(io_.get_executor());
  script_->changes = 1;
  script_->error = Error(Code::kUnavailable, "the guest is gone");
  const std::string name = add(watchers, script_);
  let_it_run();
  EXPECT_THAT(watchers.poll("box", name)->changes, SizeIs(1));
  EXPECT_EQ(watchers.poll("box", name).error().code(), Code::kUnavailable);
  EXPECT_EQ(watchers.poll("box", name).error().code(), Code::kNotFound);
  const auto gone = std::make_shared<FakeWatcher::Script>();
  gone->is_gone = true;
  const std::string second = add(watchers, gone);
  let_it_run();
  EXPECT_EQ(watchers.poll("box", second).error().code(), Code::kNotFound);
  EXPECT_EQ(watchers.size(), 0U);
}

TEST_F(WatchersTest, AreForgottenWhenNobodyAsks) {
  Watchers watchers(io_.get_executor(), 1ms);
  const std::string name = add(watchers, script_);
  const auto dead = std::make_shared<FakeWatcher::Script>();
  dead->error = Error(Code::kUnavailable, "the guest is gone");
  const std::string second = add(watchers, dead);
  for (int i = 0; i < 1'000 && script_->is_alive; ++i) ASSERT_TRUE(run(io_, sleep(5ms)));
  EXPECT_FALSE(script_->is_alive);
  let_it_run();
  EXPECT_EQ(watchers.poll("box", name).error().code(), Code::kNotFound);
  EXPECT_EQ(watchers.poll("box", second).error().code(), Code::kNotFound);
  EXPECT_EQ(watchers.size(), 0U);
}

}  // namespace
}  // namespace brig::api::e2b
