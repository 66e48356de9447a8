// Sandboxes whose agent is somebody else's to speak to.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/timer.h"
#include "runtime/testing/fake_runtime.h"
#include "sandboxes/sandboxes.h"
#include "store/testing/temporary_folder.h"
#include "sys/file.h"

namespace brig::sandboxes {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ChannelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = *store::Store::open(folder_.path());
    owner_ = store_->keys().make({.label = "owner"}, now_)->key;
    spool_ = *sys::open(folder_.path(), O_PATH | O_DIRECTORY);
    // An agent that says what it hears, until it is told to go.
    fake_.behaviour.guest = [this](FdRef fd) {
      char byte = 0;
      while (::read(fd.get(), &byte, 1) == 1 && byte != 'q') heard_ += byte;
    };
    options_.capacity.pool.size = 0;
    all_ = std::make_unique<Sandboxes>(
        options_, walls_, *store_, spool_.ref(), io_.get_executor(), [this] { return now_; }, [](const Happening&) {});
  }
  void TearDown() override {
    EXPECT_TRUE(await(all_->stop()).has_value());
    all_.reset();
  }
  template <class T>
  Result<T> await(Task<T> task) {
    return run(io_, with_timeout(20s, std::move(task), "the test"));
  }
  std::shared_ptr<Sandbox> create() {
    const auto created = await(all_->create(owner_, {.lifespan = {.ttl = 60s, .idle = {}}, .gives_channel = true}));
    EXPECT_TRUE(created.has_value()) << created.error().message();
    return created->sandbox;
  }
  std::string reason_of(const std::shared_ptr<Sandbox>& sandbox) {
    EXPECT_TRUE(await(sandbox->gone()).has_value());
    return std::string(to_string(sandbox->life().end_reason()));
  }

  store::TemporaryFolder folder_;
  WallTime now_ = wall_time(1'000'000);
  asio::io_context io_;
  std::string heard_;
  runtime::testing::FakeRuntime fake_;
  runtime::Walls walls_{fake_};
  std::unique_ptr<store::Store> store_;
  store::Key owner_;
  Fd spool_;
  Options options_;
  std::unique_ptr<Sandboxes> all_;
};

TEST_F(ChannelTest, IsTakenOnceAndNobodyHereSpeaksOnIt) {
  const auto sandbox = create();
  {
    const auto channel = sandbox->take_channel();
    ASSERT_TRUE(channel.has_value()) << channel.error().message();
    EXPECT_EQ(sandbox->take_channel().error().code(), Code::kConflict);
    EXPECT_EQ(sandbox->session().error().code(), Code::kConflict);
    EXPECT_EQ(await(sandbox->start({.argv = {"true"}, .env = {}})).error().code(), Code::kConflict);
    ASSERT_EQ(::write(channel->socket.get(), "mq", 2), 2);
    char byte = 0;
    EXPECT_EQ(::read(channel->socket.get(), &byte, 1), 0) << "the agent was told something else";
  }
  EXPECT_EQ(reason_of(sandbox), "killed");
  EXPECT_EQ(heard_, "m");
}

TEST_F(ChannelTest, TheSandboxEndsWithItAndSaysWhoWent) {
  const auto dropped = create();
  {
    const auto channel = dropped->take_channel();
  }
  EXPECT_EQ(reason_of(dropped), "killed");
  EXPECT_EQ(dropped->end_detail(), "whoever had its channel is gone");

  const auto lost = create();
  {
    auto channel = lost->take_channel();
    channel->is_guest_gone = true;
  }
  EXPECT_EQ(reason_of(lost), "guest_lost");

  const auto late = create();
  {
    const auto channel = late->take_channel();
    now_ += 61s;
  }
  EXPECT_EQ(reason_of(late), "expired");
}

TEST_F(ChannelTest, AnEndedSandboxHasNone) {
  const auto sandbox = create();
  ASSERT_TRUE(await(all_->kill(sandbox, "test")).has_value());
  EXPECT_EQ(sandbox->take_channel().error().code(), Code::kNotFound);
}

TEST_F(ChannelTest, ALookMakesNothingAndSaysTheWeaknesses) {
  fake_.behaviour.weaknesses = {"cpu: none"};
  const auto foreseen = all_->foresee(owner_, {.gives_channel = true});
  ASSERT_TRUE(foreseen.has_value());
  EXPECT_THAT(foreseen->weaknesses, ElementsAre("cpu: none"));
  EXPECT_THAT(fake_.record.created, IsEmpty());
  fake_.behaviour.admit_error = Error(Code::kUnsupported, "no");
  EXPECT_EQ(all_->foresee(owner_, {.gives_channel = true}).error().code(), Code::kUnsupported);
}

}  // namespace
}  // namespace brig::sandboxes
