// The daemon's side of builds, with a builder that the test plays.
#include "builds/builds.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "store/testing/temporary_folder.h"
#include "sys/file.h"
#include "sys/seqpacket.h"

namespace brig::builds {
namespace {

using image::News;
using image::Order;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kDigest = "sha256:" + std::string(64, 'a');

class BuildsTest : public ::testing::Test {
 protected:
  BuildsTest() {
    std::filesystem::create_directory(folder_.path() + "/names");
    std::filesystem::create_directory(folder_.path() + "/images");
  }
  ~BuildsTest() override {
    builds_->stop();
    poll();
  }

  Result<Fd> connect() {
    ++connections_;
    auto [ours, theirs] = TRY(sys::seqpacket_pair());
    builder_ = std::move(theirs);
    return std::move(ours);
  }
  void poll() {
    io_.restart();
    io_.poll();
  }
  void say(const News& news) {
    const std::string text = to_json(news);
    ASSERT_TRUE(sys::send_message(builder_.ref(), std::as_bytes(std::span(text))).has_value());
    poll();
  }
  struct Heard {
    Order order;
    std::size_t fds = 0;
  };
  Heard hear() {
    std::vector<std::byte> buffer(sys::kMaxMessage);
    const auto message = sys::receive_message(builder_.ref(), buffer);
    EXPECT_TRUE(message.has_value());
    const auto order = image::parse_order({reinterpret_cast<const char*>(buffer.data()), message->size});
    EXPECT_TRUE(order.has_value()) << order.error().message();
    return {.order = *order, .fds = message->fds.size()};
  }
  Result<std::shared_ptr<Build>> start(const store::Key& key, const std::string& name, bool has_dockerfile = true) {
    auto seat = TRY(builds_->admit(key));
    Wanted wanted{.name = name, .size_mb = 7, .input = std::move(TRY(builds_->open_upload())).take()};
    if (has_dockerfile) wanted.dockerfile = std::move(TRY(builds_->open_upload())).take();
    return builds_->start(key, std::move(seat), std::move(wanted));
  }
  void add_template(const std::string& name, const std::string& owner, std::uint64_t size) {
    const image::Manifest manifest{.name = name,
                                   .owner = owner,
                                   .digest = kDigest,
                                   .size = Bytes{size},
                                   .provenance = {.kind = "tar", .source = "x"}};
    for (const auto& [path, text] : {std::pair("/names/" + name + ".json", image::to_json(manifest)),
                                     std::pair("/images/" + std::string(64, 'a') + ".erofs", std::string(size, 'x'))}) {
      const auto file = sys::open(folder_.path() + path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
      ASSERT_TRUE(sys::write_all(file->ref(), text).has_value());
    }
  }
  void make(Limits limits) {
    builds_ = std::make_unique<Builds>(
        limits, Builds::Place{.connect = [this] { return connect(); }, .why_not = "", .uploads = uploads_.ref()},
        catalog_, io_.get_executor(), wall_now,
        [this](const Happening& happening) { happened_.emplace_back(happening.type); });
  }

  store::TemporaryFolder folder_;
  asio::io_context io_;
  Fd uploads_ = *sys::open(folder_.path(), O_PATH | O_DIRECTORY);
  image::Catalog catalog_{*HostPath::parse(folder_.path())};
  Fd builder_;
  int connections_ = 0;
  std::vector<std::string> happened_;
  store::Key key_{.id = "key1", .may_build_templates = true};
  store::Key other_{.id = "key2", .may_build_templates = true};
  std::unique_ptr<Builds> builds_ = std::make_unique<Builds>(
      Limits{}, Builds::Place{.connect = [this] { return connect(); }, .why_not = "", .uploads = uploads_.ref()},
      catalog_, io_.get_executor(), wall_now,
      [this](const Happening& happening) { happened_.emplace_back(happening.type); });
};

TEST_F(BuildsTest, GoFromOrderToTemplate) {
  key_.templates = {"base"};
  const auto build = *start(key_, "mine");
  EXPECT_EQ(build->state, State::kQueued);
  const Heard heard = hear();
  EXPECT_EQ(heard.fds, 2U);
  EXPECT_EQ(heard.order.kind, Order::Kind::kBuild);
  EXPECT_EQ(heard.order.name, "mine");
  EXPECT_EQ(heard.order.owner, "key1");
  EXPECT_THAT(heard.order.templates, ElementsAre("base"));
  poll();
  say({.kind = News::Kind::kBegun, .id = build->id});
  EXPECT_EQ(build->state, State::kRunning);
  say({.kind = News::Kind::kLine, .id = build->id, .text = "RUN true"});
  say({.kind = News::Kind::kDone, .id = build->id, .digest = kDigest, .size = mebibytes(1)});
  EXPECT_EQ(build->state, State::kDone);
  EXPECT_EQ(build->digest, kDigest);
  EXPECT_EQ(build->size, mebibytes(1));
  EXPECT_TRUE(build->ended_at.has_value());
  EXPECT_THAT(build->lines, ElementsAre("RUN true"));
  EXPECT_THAT(happened_, ElementsAre("template.built"));
  say({.kind = News::Kind::kFailed, .id = build->id, .text = "too late"});
  EXPECT_EQ(build->state, State::kDone);
}

TEST_F(BuildsTest, NeedTheRightAndAPlaceWhereItCanBeDone) {
  key_.may_build_templates = false;
  EXPECT_EQ(builds_->admit(key_).error().code(), Code::kDenied);
  builds_ = std::make_unique<Builds>(Limits{}, Builds::Place{.connect = {}, .why_not = "not as root", .uploads = {}},
                                     catalog_, io_.get_executor(), wall_now, [](const Happening&) {});
  const auto refused = builds_->admit(other_);
  EXPECT_EQ(refused.error().code(), Code::kUnsupported);
  EXPECT_EQ(refused.error().message(), "not as root");
}

TEST_F(BuildsTest, AreBoundedForAKeyAndInAll) {
  make({.waiting = 3, .waiting_of_key = 2});
  {
    const auto seat = builds_->admit(key_);
    ASSERT_TRUE(seat.has_value());
    ASSERT_TRUE(start(key_, "a").has_value());
    EXPECT_EQ(builds_->admit(key_).error().code(), Code::kExhausted);
    ASSERT_TRUE(start(other_, "b").has_value());
    EXPECT_EQ(builds_->admit(other_).error().code(), Code::kUnavailable);
  }
  EXPECT_TRUE(builds_->admit(key_).has_value());
}

TEST_F(BuildsTest, TakeNobodysName) {
  add_template("theirs", "key2", 10);
  add_template("machines", "", 10);
  add_template("mine", "key1", 10);
  for (const char* name : {"theirs", "machines", "base", "code-interpreter", "code-interpreter-v1", "builds"})
    EXPECT_EQ(start(key_, name).error().code(), Code::kConflict) << name;
  for (const char* name : {"host", "", "../x", "A"})
    EXPECT_EQ(start(key_, name).error().code(), Code::kInvalidArgument) << name;
  EXPECT_TRUE(start(key_, "mine").has_value());
}

TEST_F(BuildsTest, HaveRoomForSoManyOfAKey) {
  make({.templates_of_key = 2, .bytes_of_key = Bytes{100}});
  add_template("one", "key1", 40);
  ASSERT_TRUE(start(key_, "two").has_value());
  EXPECT_EQ(hear().order.room, Bytes{100});
  add_template("two", "key1", 40);
  EXPECT_THAT(start(key_, "three").error().message(), HasSubstr("2 templates"));
  ASSERT_TRUE(start(key_, "two").has_value()) << "again";
  EXPECT_EQ(hear().order.room, Bytes{100});
  EXPECT_TRUE(start(other_, "three").has_value());
}

TEST_F(BuildsTest, OrderNothingThatTheBuilderWouldNotRead) {
  auto seat = *builds_->admit(key_);
  Wanted wanted{.name = "mine", .image = {}, .input = std::move(*builds_->open_upload()).take()};
  for (int i = 0; i < 101; ++i) wanted.image += '\xff';  // three bytes each when it is written
  const auto refused = builds_->start(key_, std::move(seat), std::move(wanted));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(builds_->list(key_).empty());
  ASSERT_TRUE(start(key_, "next").has_value());
  EXPECT_EQ(hear().order.name, "next");
}

TEST_F(BuildsTest, AreSeenByTheirKeyOnly) {
  const auto build = *start(key_, "mine");
  EXPECT_TRUE(builds_->find(key_, build->id).has_value());
  EXPECT_EQ(builds_->find(other_, build->id).error().code(), Code::kNotFound);
  EXPECT_EQ(builds_->list(key_).size(), 1U);
  EXPECT_TRUE(builds_->list(other_).empty());
}

TEST_F(BuildsTest, AreCancelled) {
  const auto build = *start(key_, "mine");
  (void)hear();
  ASSERT_TRUE(builds_->cancel(build).has_value());
  EXPECT_EQ(hear().order.kind, Order::Kind::kCancel);
  poll();
  say({.kind = News::Kind::kFailed, .id = build->id, .text = "killed"});
  EXPECT_EQ(build->error, "it was cancelled");
  EXPECT_EQ(builds_->cancel(build).error().code(), Code::kConflict);
}

TEST_F(BuildsTest, FailWithABuilderThatDiesAndTheNextHasAnother) {
  const auto build = *start(key_, "mine");
  poll();
  builder_.reset();
  poll();
  EXPECT_EQ(build->state, State::kFailed);
  EXPECT_THAT(build->error, HasSubstr("try again"));
  ASSERT_TRUE(start(key_, "mine").has_value());
  EXPECT_EQ(connections_, 2);
}

TEST_F(BuildsTest, FailWithABuilderThatTalksNonsense) {
  const auto build = *start(key_, "mine");
  poll();
  const std::string nonsense = "{\"kind\":\"done\"}";
  ASSERT_TRUE(sys::send_message(builder_.ref(), std::as_bytes(std::span(nonsense))).has_value());
  poll();
  EXPECT_EQ(build->state, State::kFailed);
  EXPECT_THAT(happened_, ElementsAre("template.failed", "template.build_failed"));
}

TEST_F(BuildsTest, KeepALogOfBoundedLength) {
  const auto build = *start(key_, "mine");
  poll();
  for (std::size_t i = 0; i < image::kBuildLogMost / 300; ++i)
    say({.kind = News::Kind::kLine, .id = build->id, .text = std::string(400, 'x')});
  EXPECT_GT(build->lines.size(), 0U);
  EXPECT_LE(build->lines.size() * 400, image::kBuildLogMost);
}

Task<> remove(Builds& builds, store::Key key, std::optional<Result<>>& outcome) {
  outcome = co_await builds.remove(std::move(key), "mine");
  co_return Result<>();
}

TEST_F(BuildsTest, RemovalIsAnsweredByTheBuilder) {
  for (const bool is_theirs : {true, false}) {
    std::optional<Result<>> outcome;
    TaskGroup group(io_.get_executor());
    group.spawn(remove(*builds_, key_, outcome));
    poll();
    const Heard heard = hear();
    EXPECT_EQ(heard.order.kind, Order::Kind::kRemove);
    EXPECT_EQ(heard.order.owner, "key1");
    if (is_theirs) say({.kind = News::Kind::kDone, .id = heard.order.id});
    else say({.kind = News::Kind::kFailed, .id = heard.order.id, .text = "somebody else's", .code = Code::kDenied});
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->has_value(), is_theirs);
  }
  EXPECT_THAT(happened_, ElementsAre("template.removed"));
}

}  // namespace
}  // namespace brig::builds
