#include "sandboxes/sandboxes.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <future>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/task_group.h"
#include "async/timer.h"
#include "runtime/testing/fake_runtime.h"
#include "runtime/testing/scripted_guest.h"
#include "store/testing/temporary_folder.h"
#include "sys/file.h"

namespace brig::sandboxes {
namespace {

using namespace std::chrono_literals;
using guest::Exited;
using runtime::testing::ScriptedGuest;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class SandboxesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = *store::Store::open(folder_.path());
    owner_ = store_->keys().make({.label = "owner"}, now_)->key;
    other_ = store_->keys().make({.label = "other"}, now_)->key;
    spool_ = *sys::open(folder_.path(), O_PATH | O_DIRECTORY);
    answer_with({.value = 0}, "hello");
    options_.capacity.pool.size = 0;
  }

  /// Every command that is started prints and ends so.
  void answer_with(const Exited& end, std::string out) {
    fake_.behaviour.guest = [end, out](FdRef fd) {
      ScriptedGuest script(fd);
      script.serve([end, out](ScriptedGuest& inside, std::uint32_t channel) {
        inside.send(guest::Started{.pid = 2}, channel);
        inside.print(channel, guest::Stream::kOut, out);
        inside.send(end, channel);
        for (const auto stream : {guest::Stream::kOut, guest::Stream::kErr})
          inside.send_frame(guest::Type::kEnd, stream, channel, {});
      });
    };
  }

  Sandboxes& all() {
    if (!all_) {
      all_ = std::make_unique<Sandboxes>(
          options_, walls_, *store_, spool_.ref(), io_.get_executor(), [this] { return now_; },
          [this](const Happening& happening) { happened_.emplace_back(happening.type); });
    }
    return *all_;
  }

  template <class T>
  Result<T> await(Task<T> task) {
    return run(io_, std::move(task));
  }
  Result<Created> create(CreateRequest request = {}) { return await(all().create(owner_, std::move(request))); }

  void await_prepared() {
    for (int i = 0; i < 1000 && all().pools().figures().at(0).ready == 0; ++i)
      ASSERT_TRUE(await(sleep(5ms)).has_value());
    ASSERT_EQ(all().pools().figures().at(0).ready, 1U);
  }

  void TearDown() override {
    if (all_) EXPECT_TRUE(await(all_->stop()).has_value());
    all_.reset();
    // What was being prepared is let go when its task hears that it is cancelled.
    for (int i = 0; i < 1000 && fake_.record.alive > 0; ++i) ASSERT_TRUE(await(sleep(5ms)));
    EXPECT_EQ(fake_.record.alive, 0) << "a cell outlived its sandbox";
  }

  store::TemporaryFolder folder_;
  WallTime now_ = wall_time(1'000'000);
  asio::io_context io_;
  runtime::testing::FakeRuntime fake_;
  runtime::Walls walls_{fake_};
  std::unique_ptr<store::Store> store_;
  store::Key owner_;
  store::Key other_;
  Fd spool_;
  Options options_;
  std::vector<std::string> happened_;
  std::unique_ptr<Sandboxes> all_;
};

TEST_F(SandboxesTest, ACreatedOneIsInTheStoreAndItsOwners) {
  const auto created = create({.lifespan = {.ttl = 60s}});
  ASSERT_TRUE(created) << created.error().message();
  const std::string id = created->sandbox->spec().id;
  EXPECT_TRUE(all().find(owner_, id));
  EXPECT_EQ(all().find(other_, id).error().code(), Code::kNotFound);
  const auto record = store_->sandboxes().get(id);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->state, store::SandboxState::kRunning);
  EXPECT_EQ(record->deadline, now_ + 60s);
  EXPECT_EQ(record->key_id, owner_.id);
}

TEST_F(SandboxesTest, TheKernelHearsOfADeadlineAndOfANewOne) {
  const auto created = create({.lifespan = {.ttl = 60s}});
  ASSERT_TRUE(created);
  EXPECT_EQ(fake_.record.created.at(0).lifetime, 60'500ms);
  ASSERT_TRUE(await(all().change_lifespan(created->sandbox, {.ttl = 120s, .idle = {}})));
  EXPECT_THAT(fake_.record.lifetimes, Contains(120'500ms));
  EXPECT_EQ(store_->sandboxes().get(created->sandbox->spec().id)->deadline, now_ + 120s);
}

TEST_F(SandboxesTest, ItsTimeBeginsBeforeThatOfTheKernel) {
  // A creation that takes long: the kernel began to count at its beginning.
  fake_.behaviour.on_create = [this] { now_ += 5s; };
  const auto created = create({.lifespan = {.ttl = 60s}});
  ASSERT_TRUE(created);
  EXPECT_EQ(fake_.record.created.at(0).lifetime, 60'500ms);
  EXPECT_EQ(created->sandbox->life().expires_at(), now_ + 55s);
  EXPECT_EQ(store_->sandboxes().get(created->sandbox->spec().id)->deadline, now_ + 55s);
}

TEST_F(SandboxesTest, WhatCannotBeRemovedIsSaid) {
  fake_.behaviour.destroy_error = Error(Code::kInternal, "a group that stays");
  const auto created = create();
  ASSERT_TRUE(created);
  EXPECT_THAT(await(all().kill(created->sandbox, {})).error().message(), HasSubstr("a group that stays"));
  EXPECT_THAT(happened_, Contains("sandbox.not_removed"));
  EXPECT_EQ(store_->sandboxes().get(created->sandbox->spec().id)->end_reason, "killed");
}

TEST_F(SandboxesTest, EndsWhenItsTimeIsUp) {
  const auto created = create({.lifespan = {.ttl = 10ms}});
  ASSERT_TRUE(created);
  now_ += 10ms;
  ASSERT_TRUE(await(created->sandbox->gone()).has_value());
  const auto record = store_->sandboxes().get(created->sandbox->spec().id);
  EXPECT_EQ(record->state, store::SandboxState::kKilled);
  EXPECT_EQ(record->end_reason, "expired");
  EXPECT_EQ(fake_.record.alive, 0);
  EXPECT_EQ(await(all().change_lifespan(created->sandbox, {.ttl = 60s, .idle = {}})).error().code(), Code::kNotFound);
}

TEST_F(SandboxesTest, WhatIsUsedIsNotIdle) {
  const auto created = create({.lifespan = {.idle = 10ms}});
  ASSERT_TRUE(created);
  auto use = created->sandbox->use();
  for (int i = 0; i < 3; ++i) {
    now_ += 15ms;
    ASSERT_TRUE(await(sleep(30ms)));
  }
  EXPECT_FALSE(created->sandbox->life().is_ended());
  EXPECT_GE(fake_.record.lifetimes.size(), 3U) << "the kernel still has an idle end, which moves";
  use = {};
  EXPECT_EQ(created->sandbox->life().last_used(), now_);
  now_ += 15ms;
  ASSERT_TRUE(await(created->sandbox->gone()).has_value());
  EXPECT_EQ(created->sandbox->life().end_reason(), EndReason::kIdle);
}

TEST_F(SandboxesTest, ACommandInTheForegroundIsAUseAndOneInTheBackgroundIsNone) {
  fake_.behaviour.guest = [](FdRef fd) {
    ScriptedGuest guest(fd);
    guest.serve([](ScriptedGuest& inside, std::uint32_t channel) { inside.send(guest::Started{.pid = 2}, channel); });
  };
  for (const bool is_background : {false, true}) {
    const auto created = create({.lifespan = {.idle = 10ms}});
    ASSERT_TRUE(created);
    ASSERT_TRUE(await(created->sandbox->start({.argv = {"x"}, .is_background = is_background})));
    now_ += 15ms;
    for (int i = 0; i < 200 && !created->sandbox->life().is_ended() && (is_background || i < 10); ++i)
      ASSERT_TRUE(await(sleep(5ms)));
    EXPECT_EQ(created->sandbox->life().is_ended(), is_background);
  }
}

TEST_F(SandboxesTest, AnEndIsNotedOnceWithItsReason) {
  const auto created = create();
  ASSERT_TRUE(created);
  ASSERT_TRUE(await(all().kill(created->sandbox, "test")));
  ASSERT_TRUE(await(all().kill(created->sandbox, "again")));
  const auto record = store_->sandboxes().get(created->sandbox->spec().id);
  EXPECT_EQ(record->end_reason, "killed");
  EXPECT_EQ(record->end_detail, "test");
  EXPECT_EQ(std::ranges::count(happened_, "sandbox.ended"), 1);
  EXPECT_FALSE(all().find(owner_, created->sandbox->spec().id));
}

TEST_F(SandboxesTest, AnEndThatCannotBeWrittenWaitsUntilItCan) {
  const auto created = create();
  const auto other = create();
  ASSERT_TRUE(created);
  ASSERT_TRUE(other);
  const auto second = store::Db::open(folder_.path() + "/brig.db");
  ASSERT_TRUE(second);
  ASSERT_TRUE(
      (*second)->execute("CREATE TRIGGER full BEFORE UPDATE ON sandboxes BEGIN SELECT RAISE(ABORT, 'no room'); END"));
  ASSERT_TRUE(await(all().kill(created->sandbox, "test")));
  const WallTime ended_at = now_;
  now_ += 5s;
  ASSERT_TRUE(await(all().kill(other->sandbox, "test")));
  EXPECT_THAT(happened_, Contains("store.failed"));
  const std::string id = created->sandbox->spec().id;
  EXPECT_EQ(store_->sandboxes().get(id)->end_reason, std::nullopt);
  EXPECT_EQ(all().with_end(*store_->sandboxes().get(id)).end_reason, "killed");
  ASSERT_TRUE((*second)->execute("DROP TRIGGER full"));
  now_ += 5s;
  for (int i = 0; i < 400 && !store_->sandboxes().get(other->sandbox->spec().id)->end_reason; ++i)
    ASSERT_TRUE(await(sleep(10ms)));
  EXPECT_EQ(store_->sandboxes().get(other->sandbox->spec().id)->end_reason, "killed");
  EXPECT_EQ(store_->sandboxes().get(id)->end_reason, "killed");
  EXPECT_EQ(store_->sandboxes().get(id)->ended_at, ended_at);
  EXPECT_EQ(std::ranges::count(happened_, "sandbox.ended"), 2);
}

TEST_F(SandboxesTest, AGuestThatIsGoneIsAnEndWithAReason) {
  fake_.behaviour.guest = [](FdRef fd) {
    ScriptedGuest guest(fd);
    guest.serve([](ScriptedGuest& inside, std::uint32_t) { inside.send_garbage(); });
  };
  const auto created = create();
  ASSERT_TRUE(created);
  (void)await(created->sandbox->start({.argv = {"x"}}));
  ASSERT_TRUE(await(created->sandbox->gone()).has_value());
  const auto record = store_->sandboxes().get(created->sandbox->spec().id);
  EXPECT_EQ(record->state, store::SandboxState::kFailed);
  EXPECT_EQ(record->end_reason, "guest_lost");
}

TEST_F(SandboxesTest, ACommandKeepsItsOutputAndItsEnd) {
  answer_with({.value = 3}, "hello");
  const auto created = create();
  ASSERT_TRUE(created);
  const auto command = await(created->sandbox->start({.argv = {"x"}}));
  ASSERT_TRUE(command) << command.error().message();
  ASSERT_TRUE(await((*command)->wait()));
  EXPECT_EQ((*command)->end()->exit.value, 3);
  EXPECT_EQ((*command)->out().text(100)->text, "hello");
  EXPECT_EQ(created->sandbox->find_command((*command)->id()), *command);
}

TEST_F(SandboxesTest, TheEndOfASandboxIsTheEndOfItsCommands) {
  fake_.behaviour.guest = [](FdRef fd) {
    ScriptedGuest guest(fd);
    guest.serve([](ScriptedGuest& inside, std::uint32_t channel) { inside.send(guest::Started{.pid = 2}, channel); });
  };
  const auto created = create({.lifespan = {.ttl = 10ms}});
  ASSERT_TRUE(created);
  const auto command = await(created->sandbox->start({.argv = {"x"}}));
  ASSERT_TRUE(command) << command.error().message();
  now_ += 10ms;
  ASSERT_TRUE(await((*command)->wait()));
  EXPECT_EQ(status_of((*command)->end()->exit), "expired");
}

TEST_F(SandboxesTest, AQuotaIsOfOneKeyAndTheRoomIsOfAll) {
  owner_.quota.sandboxes = 1;
  options_.capacity.sandboxes = 2;
  ASSERT_TRUE(create());
  EXPECT_EQ(create().error().code(), Code::kExhausted);
  ASSERT_TRUE(await(all().create(other_, {})));
  EXPECT_EQ(await(all().create(other_, {})).error().code(), Code::kUnavailable);
}

TEST_F(SandboxesTest, WhatTheHostCanNeverGiveIsAMistakeAndNoLackOfRoom) {
  options_.capacity.memory = mebibytes(300);
  CreateRequest request;
  request.policy.limits.memory = mebibytes(301);
  const auto never = create(request);
  EXPECT_EQ(never.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(never.error().message(), HasSubstr("301M is more than the 300M this host gives"));
  request.policy.limits.memory = mebibytes(200);
  ASSERT_TRUE(create(request));
  EXPECT_EQ(create(request).error().code(), Code::kUnavailable) << "which may change";
}

TEST_F(SandboxesTest, AKeyGetsOnlyWhatItMayHave) {
  owner_.templates = {"other"};
  EXPECT_EQ(create().error().code(), Code::kDenied);
  owner_.templates = {};
  owner_.runtimes = {"gvisor"};
  EXPECT_EQ(create().error().code(), Code::kDenied);
}

TEST_F(SandboxesTest, AKeyThatIsRevokedWhileItsSandboxIsBeingMadeGetsNone) {
  fake_.behaviour.on_create = [this] { ASSERT_TRUE(store_->keys().revoke(owner_.id, now_)); };
  const auto created = create();
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code(), Code::kDenied);
  EXPECT_THAT(created.error().message(), HasSubstr("revoked"));
  EXPECT_TRUE(all().of_key(owner_).empty());
  EXPECT_TRUE(store_->sandboxes().unfinished()->empty());
}

TEST_F(SandboxesTest, APreparedCellIsTakenOnceAndReplaced) {
  options_.capacity.pool.size = 1;
  ASSERT_EQ(all().count(State::kRunning), 0U);
  await_prepared();
  const auto first = create();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->boot, Boot::kPool);
  await_prepared();
  const auto second = create();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->boot, Boot::kPool);
  EXPECT_NE(first->sandbox->spec().id, second->sandbox->spec().id);
  CreateRequest larger;
  larger.policy.limits.memory = mebibytes(512);
  const auto third = create(larger);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->boot, Boot::kCold) << "a prepared cell has other limits";
  EXPECT_EQ(all().pools().figures().at(0).hits, 2U);
  EXPECT_EQ(all().pools().figures().at(0).misses, 1U);
}

TEST_F(SandboxesTest, ATemplateIsFoundByItsNameAndGivenToTheWall) {
  fake_.behaviour.may_use_images = true;
  const runtime::RootImage image{
      .name = "science", .digest = std::string(64, 'a'), .file = *HostPath::parse("/images/science")};
  options_.find_template = [image](const std::string& name, std::string_view key_id) -> Result<runtime::RootImage> {
    return name == "science" ? Result<runtime::RootImage>(image) : only_host(name, key_id);
  };
  const auto created = create({.template_name = "science"});
  ASSERT_TRUE(created) << created.error().message();
  EXPECT_EQ(fake_.record.created.back().root, image);
  EXPECT_EQ(create({.template_name = "nothing"}).error().code(), Code::kNotFound);
  fake_.behaviour.may_use_images = false;
  EXPECT_EQ(create({.template_name = "science"}).error().code(), Code::kUnsupported);
  ASSERT_TRUE(create());
  EXPECT_EQ(fake_.record.created.back().root, runtime::RootImage());
}

TEST_F(SandboxesTest, LibrariesAreMountedAndWhereTheyLieIsNotInThePolicy) {
  options_.find_libraries = [](const std::string& name,
                               const std::vector<std::string>& libraries) -> Result<policy::Mount> {
    if (libraries.front() != "pandas") return Error(Code::kNotFound, "not installed");
    return policy::Mount{.from = *HostPath::parse("/libraries/" + name), .to = *GuestPath::parse("/brig/lib")};
  };
  CreateRequest request;
  request.policy.libraries.use = {"pandas"};
  const auto created = create(request);
  ASSERT_TRUE(created) << created.error().message();
  ASSERT_EQ(fake_.record.created.back().policy.mounts.size(), 1U);
  EXPECT_EQ(fake_.record.created.back().policy.mounts.front().from.text(), "/libraries/host");
  EXPECT_TRUE(created->sandbox->spec().policy.mounts.empty());
  EXPECT_EQ(created->sandbox->spec().policy.libraries.use, std::vector<std::string>{"pandas"});
  request.policy.libraries.use = {"numpy"};
  EXPECT_EQ(create(request).error().code(), Code::kNotFound);
  ASSERT_TRUE(create());
  EXPECT_TRUE(fake_.record.created.back().policy.mounts.empty());
}

TEST_F(SandboxesTest, TheWallIsChosenAndTheReasonAttested) {
  runtime::testing::FakeRuntime strong("strong", policy::Boundary::kUserSpaceKernel);
  strong.behaviour = fake_.behaviour;
  walls_ = runtime::Walls{fake_, strong};
  const auto usual = create();
  ASSERT_TRUE(usual) << usual.error().message();
  EXPECT_EQ(usual->sandbox->attestation().runtime, "fake");
  EXPECT_EQ(usual->sandbox->attestation().choice, "the fastest wall that is good enough");
  CreateRequest request;
  request.policy.require = policy::Boundary::kUserSpaceKernel;
  const auto floored = create(request);
  ASSERT_TRUE(floored) << floored.error().message();
  EXPECT_EQ(floored->sandbox->attestation().runtime, "strong");
  EXPECT_EQ(store_->sandboxes().get(floored->sandbox->spec().id)->boundary, "user-space-kernel");
  request.policy.require = policy::Boundary::kHardware;
  EXPECT_EQ(create(request).error().code(), Code::kUnsupported);
  request.policy = {};
  request.policy.runtime = "strong";
  EXPECT_EQ(create(request)->sandbox->attestation().choice, "asked for by name");
  request.policy.runtime = "nonsense";
  EXPECT_EQ(create(request).error().code(), Code::kInvalidArgument);
  owner_.runtimes = {"strong"};
  EXPECT_EQ(create()->sandbox->attestation().runtime, "strong") << "of those that the key may use";
  ASSERT_TRUE(await(all().stop()));
  all_.reset();
}

/// Guests say nothing until they are let.
class TurnsTest : public SandboxesTest {
 protected:
  void SetUp() override {
    SandboxesTest::SetUp();
    options_.capacity.creations = 1;
    fake_.behaviour.guest = [go = go_, serve = fake_.behaviour.guest](FdRef fd) {
      go.wait();
      serve(fd);
    };
  }
  Task<> make(int number) {
    CreateRequest request;
    request.policy.limits.pids = static_cast<std::uint32_t>(number);
    CO_TRY_VOID(co_await all().create(owner_, std::move(request)));
    made_.push_back(number);
    co_return Result<>();
  }
  void run_until_over(const TaskGroup& tasks) {
    for (int i = 0; i < 1000 && tasks.size() > 0; ++i) ASSERT_TRUE(await(sleep(5ms)));
    ASSERT_EQ(tasks.size(), 0U);
  }

  std::promise<void> may_go_;
  std::shared_future<void> go_ = may_go_.get_future().share();
  std::vector<int> made_;
};

TEST_F(TurnsTest, CreationsBeyondThoseAtOnceComeInTheOrderOfTheirRequests) {
  TaskGroup tasks(io_.get_executor());
  for (const int number : {1, 2, 3, 4}) tasks.spawn(make(number));
  ASSERT_TRUE(await(sleep(20ms)));
  EXPECT_THAT(fake_.record.created, SizeIs(1));
  may_go_.set_value();
  run_until_over(tasks);
  EXPECT_THAT(made_, ElementsAre(1, 2, 3, 4));
}

TEST_F(TurnsTest, WhoGoesAwayWhileWaitingHoldsUpNobody) {
  TaskGroup first(io_.get_executor());
  TaskGroup last(io_.get_executor());
  first.spawn(make(1));
  {
    TaskGroup impatient(io_.get_executor());
    impatient.spawn(make(2));
    last.spawn(make(3));
    ASSERT_TRUE(await(sleep(5ms)));
  }
  ASSERT_TRUE(await(sleep(5ms)));
  may_go_.set_value();
  run_until_over(first);
  run_until_over(last);
  EXPECT_THAT(made_, ElementsAre(1, 3));
}

TEST_F(SandboxesTest, WhatADaemonThatIsGoneLeftIsEnded) {
  const auto created = create({.lifespan = {.ttl = 10s}});
  const auto eternal = create({.lifespan = {}});
  ASSERT_TRUE(created);
  ASSERT_TRUE(eternal);
  Sandboxes next(
      options_, walls_, *store_, spool_.ref(), io_.get_executor(), [this] { return now_ + 20s; },
      [](const Happening&) {});
  EXPECT_EQ(next.recover().value_or(0), 2U);
  EXPECT_EQ(store_->sandboxes().get(created->sandbox->spec().id)->end_reason, "expired");
  EXPECT_EQ(store_->sandboxes().get(eternal->sandbox->spec().id)->end_reason, "daemon_lost");
}

TEST_F(SandboxesTest, APausedOneDoesNothingUntilItIsResumed) {
  fake_.behaviour.may_pause = true;
  const auto created = create();
  ASSERT_TRUE(created);
  ASSERT_TRUE(await(all().pause(created->sandbox)));
  EXPECT_EQ(await(created->sandbox->start({.argv = {"x"}})).error().code(), Code::kConflict);
  EXPECT_EQ(store_->sandboxes().get(created->sandbox->spec().id)->state, store::SandboxState::kPaused);
  ASSERT_TRUE(await(all().resume(created->sandbox)));
  EXPECT_TRUE(await(created->sandbox->start({.argv = {"x"}})));
}

TEST_F(SandboxesTest, WhatCannotBePausedStaysRunning) {
  const auto created = create();
  ASSERT_TRUE(created);
  EXPECT_EQ(await(all().pause(created->sandbox)).error().code(), Code::kUnsupported);
  EXPECT_EQ(created->sandbox->life().state(), State::kRunning);
}

}  // namespace
}  // namespace brig::sandboxes
