#include "sandboxes/housekeeping.h"

#include <gtest/gtest.h>

#include "store/testing/samples.h"
#include "store/testing/temporary_folder.h"

namespace brig::sandboxes {
namespace {

constexpr WallTime kNow = wall_time(1'000'000);
constexpr Retention kRetention{.ended = Milliseconds(100'000),
                               .ended_most = 30,
                               .answers = Milliseconds(50'000),
                               .events = Milliseconds(100'000),
                               .events_most = 3};

class Housekeeping : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = store::Store::open(folder_.path());
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    store_ = std::move(*opened);
  }
  void add(const std::string& id, std::optional<Milliseconds> ended_ago) {
    ASSERT_TRUE(store_->sandboxes().insert(store::sample_sandbox(id)).has_value());
    if (ended_ago)
      ASSERT_TRUE(store_->sandboxes().end(id, {.reason = "killed", .detail = {}}, kNow - *ended_ago).has_value());
  }
  bool knows(const std::string& id) { return store_->sandboxes().get(id).has_value(); }
  Removed tidy_all() {
    Removed all;
    do {
      const auto step = tidy(*store_, kNow, kRetention);
      EXPECT_TRUE(step.has_value()) << step.error().message();
      if (!step) return all;
      all = {.sandboxes = all.sandboxes + step->sandboxes,
             .answers = all.answers + step->answers,
             .events = all.events + step->events,
             .is_all = step->is_all};
    } while (!all.is_all);
    return all;
  }

  store::TemporaryFolder folder_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(Housekeeping, ForgetsWhatEndedLongAgoAndKeepsWhatLives) {
  add("old", Milliseconds(100'001));
  add("young", Milliseconds(99'999));
  add("alive", std::nullopt);
  EXPECT_EQ(tidy_all().sandboxes, 1);
  EXPECT_FALSE(knows("old"));
  EXPECT_TRUE(knows("young"));
  EXPECT_TRUE(knows("alive"));
}

TEST_F(Housekeeping, KeepsSoManyAndNoMoreInSmallSteps) {
  for (int i = 0; i < 100; ++i) add("s" + std::to_string(i), Milliseconds(1'000 - i));
  const auto first = tidy(*store_, kNow, kRetention);
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(first->is_all);
  EXPECT_EQ(first->sandboxes + tidy_all().sandboxes, 70);
  EXPECT_FALSE(knows("s69"));
  EXPECT_TRUE(knows("s70"));
}

TEST_F(Housekeeping, ForgetsOldAnswers) {
  const std::string key(store::kLocalKeyId);
  ASSERT_TRUE(store_->answers().claim(key, "old", "h", kNow - Milliseconds(50'001)).has_value());
  ASSERT_TRUE(store_->answers().claim(key, "new", "h", kNow - Milliseconds(49'999)).has_value());
  EXPECT_EQ(tidy_all().answers, 1);
  EXPECT_TRUE(std::holds_alternative<store::Claimed>(*store_->answers().claim(key, "old", "h", kNow)));
  EXPECT_TRUE(std::holds_alternative<store::InProgress>(*store_->answers().claim(key, "new", "h", kNow)));
}

TEST_F(Housekeeping, KeepsTheNewestEvents) {
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(store_->events()
                    .append({.at = kNow, .key_id = "local", .sandbox_id = {}, .type = "t", .data = "{}"})
                    .has_value());
  EXPECT_EQ(tidy_all().events, 2);
  EXPECT_EQ(*store_->events().oldest(), 3);
}

}  // namespace
}  // namespace brig::sandboxes
