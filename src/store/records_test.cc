// Each query of each kind of record.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "store/ids.h"
#include "store/store.h"
#include "store/testing/samples.h"
#include "store/testing/temporary_folder.h"

namespace brig::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Records : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Store::open(folder_.path());
    ASSERT_TRUE(opened.has_value()) << opened.error().message();
    store_ = std::move(*opened);
  }
  /// Inserts a sandbox made at this time.
  void add(const std::string& id, std::int64_t at = 1'000, const std::string& key_id = std::string(kLocalKeyId)) {
    Sandbox sandbox = sample_sandbox(id, key_id);
    sandbox.created_at = wall_time(at);
    ASSERT_TRUE(store_->sandboxes().insert(sandbox).has_value());
  }
  std::vector<std::string> ids(const SandboxFilter& filter) {
    std::vector<std::string> found;
    const auto page = store_->sandboxes().list(filter, kLargestPage);
    EXPECT_TRUE(page.has_value()) << page.error().message();
    for (const auto& sandbox : page->items) found.push_back(sandbox.id);
    return found;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

// --- events ---

TEST_F(Records, AnEventsMarkFitsItsKeyOnly) {
  EXPECT_EQ(*store_->events().oldest(), 1) << "as the next one will be";
  const std::string mark = store_->events().mark(41, "a");
  EXPECT_EQ(*store_->events().seq_of(mark, "a"), 41);
  EXPECT_FALSE(store_->events().seq_of(mark, "b").has_value());
  EXPECT_FALSE(store_->events().seq_of("41", "a").has_value());
}

TEST_F(Records, SomethingCanBeWrittenAgainAndAgain) {
  EXPECT_TRUE(store_->try_write().has_value());
  EXPECT_TRUE(store_->try_write().has_value());
}

// --- keys ---

TEST_F(Records, AKeyIsFoundBehindEveryPrefixAndNone) {
  const KeyGrant grant{.label = "ci",
                       .prefix = "pds_",
                       .expires_at = wall_time(9'000),
                       .quota = {.sandboxes = 5, .cpu_millis = 2000, .memory = mebibytes(512)},
                       .floor = "hardware",
                       .runtimes = {"process"},
                       .templates = {"host", "py\"3"}};
  const auto made = store_->keys().make(grant, wall_time(1'000));
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_TRUE(made->text.starts_with("pds_"));
  const std::string digits = made->text.substr(4);
  for (const std::string prefix : {"", "brig_", "pds_", "e2b_"}) {
    const auto found = store_->keys().find(prefix + digits);
    ASSERT_TRUE(found.has_value()) << prefix;
    EXPECT_EQ(*found, made->key);
  }
  EXPECT_EQ(made->key.prefix_shown, made->text.substr(0, 10));
  EXPECT_EQ(made->key.quota, grant.quota);
  EXPECT_EQ(made->key.templates, grant.templates);
  EXPECT_EQ(*store_->keys().get(made->key.id), made->key);
}

TEST_F(Records, WhatIsNoKeyIsNotFound) {
  const auto made = store_->keys().make({.label = "a"}, wall_time(1));
  ASSERT_TRUE(made.has_value());
  std::string wrong = made->text;
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  const std::string digits = made->text.substr(5);
  for (const std::string& text : {std::string(), std::string("brig_"), wrong, made->text + "0", digits.substr(1),
                                  "brig_brig_" + digits, "xyz_" + digits, std::string(40, 'g'),
                                  std::string(100'000, 'a'), std::string("local"), std::string(40, '\0')}) {
    const auto found = store_->keys().find(text);
    ASSERT_FALSE(found.has_value()) << text.substr(0, 50);
    EXPECT_EQ(found.error().code(), Code::kNotFound);
  }
}

TEST_F(Records, OnlyKnownPrefixesAreGiven) {
  EXPECT_EQ(store_->keys().make({.label = "a", .prefix = "sk_"}, wall_time(1)).error().code(), Code::kInvalidArgument);
}

TEST_F(Records, TheTextOfAKeyIsNowhereInTheFolder) {
  const auto made = store_->keys().make({.label = "a"}, wall_time(1));
  ASSERT_TRUE(made.has_value());
  const std::string digits = made->text.substr(5);
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    EXPECT_EQ(bytes.find(digits), std::string::npos) << entry.path();
    EXPECT_EQ(bytes.find(digits.substr(6)), std::string::npos) << entry.path();
  }
}

TEST_F(Records, RevokingStaysAndIsListed) {
  const auto first = store_->keys().make({.label = "first"}, wall_time(1));
  const auto second = store_->keys().make({.label = "second", .expires_at = wall_time(100)}, wall_time(2));
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_TRUE(store_->keys().revoke(first->key.id, wall_time(50)).has_value());
  EXPECT_TRUE(store_->keys().revoke(first->key.id, wall_time(60)).has_value());
  const auto list = store_->keys().list();
  ASSERT_TRUE(list.has_value());
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ((*list)[0].revoked_at, wall_time(50));
  EXPECT_FALSE((*list)[0].is_valid(wall_time(10)));
  EXPECT_TRUE((*list)[1].is_valid(wall_time(99)));
  EXPECT_FALSE((*list)[1].is_valid(wall_time(100)));
  EXPECT_EQ(store_->keys().revoke("nobody", wall_time(1)).error().code(), Code::kNotFound);
  EXPECT_EQ(store_->keys().revoke(kLocalKeyId, wall_time(1)).error().code(), Code::kDenied);
}

// --- sandboxes ---

TEST_F(Records, ASandboxComesBackAsItWent) {
  Sandbox sandbox = sample_sandbox("a");
  ASSERT_TRUE(store_->sandboxes().insert(sandbox).has_value());
  EXPECT_EQ(*store_->sandboxes().get("a"), sandbox);

  Sandbox bare{.id = "b", .key_id = std::string(kLocalKeyId)};
  ASSERT_TRUE(store_->sandboxes().insert(bare).has_value());
  EXPECT_EQ(*store_->sandboxes().get("b"), bare);
  EXPECT_EQ(store_->sandboxes().get("c").error().code(), Code::kNotFound);
}

TEST_F(Records, WhatCannotBeIsRefusedAndLeavesNothing) {
  add("a");
  EXPECT_EQ(store_->sandboxes().insert(sample_sandbox("a")).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->sandboxes().insert(sample_sandbox("b", "nobody")).error().code(), Code::kInvalidArgument);
  Sandbox twice = sample_sandbox("c");
  twice.metadata = {{"x", "1"}, {"x", "2"}};
  EXPECT_EQ(store_->sandboxes().insert(twice).error().code(), Code::kInvalidArgument);
  Sandbox bytes = sample_sandbox("d");
  bytes.envs = {{"x", "\xff"}};
  EXPECT_EQ(store_->sandboxes().insert(bytes).error().code(), Code::kInvalidArgument);
  Sandbox large = sample_sandbox("e");
  large.policy = std::string(std::size_t{9} << 20, 'x');
  EXPECT_EQ(store_->sandboxes().insert(large).error().code(), Code::kInvalidArgument);
  EXPECT_THAT(ids({}), ElementsAre("a"));
}

TEST_F(Records, TheLivingChange) {
  add("a");
  auto& sandboxes = store_->sandboxes();
  EXPECT_TRUE(*sandboxes.set_booted("a", Milliseconds(17)));
  EXPECT_TRUE(*sandboxes.set_state("a", SandboxState::kPaused));
  EXPECT_TRUE(*sandboxes.set_lifetime("a", std::nullopt, Milliseconds(5), Milliseconds(7)));
  EXPECT_TRUE(*sandboxes.set_epoch("a", 8));
  EXPECT_TRUE(*sandboxes.touch("a", wall_time(70'000)));
  EXPECT_TRUE(*sandboxes.touch("a", wall_time(60'000)));
  EXPECT_TRUE(*sandboxes.set_metadata("a", {{"only", "this"}}));
  Sandbox expected = sample_sandbox("a");
  expected.boot = Milliseconds(17);
  expected.state = SandboxState::kPaused;
  expected.deadline = std::nullopt;
  expected.ttl = Milliseconds(5);
  expected.idle = Milliseconds(7);
  expected.is_persistent = false;
  expected.epoch = 8;
  expected.last_active_at = wall_time(70'000);
  expected.metadata = {{"only", "this"}};
  EXPECT_EQ(*sandboxes.get("a"), expected);
  EXPECT_THAT(ids({.metadata = {{"only", "this"}}}), ElementsAre("a"));
  EXPECT_THAT(ids({.metadata = {{"run", "ünï"}}}), IsEmpty());
}

TEST_F(Records, TheFirstEndStaysAndNothingChangesAfterIt) {
  add("a");
  auto& sandboxes = store_->sandboxes();
  EXPECT_TRUE(*sandboxes.end("a", {SandboxState::kFailed, "out_of_memory", "the kernel"}, wall_time(5)));
  EXPECT_FALSE(*sandboxes.end("a", {SandboxState::kKilled, "killed", ""}, wall_time(6)));
  EXPECT_FALSE(*sandboxes.set_state("a", SandboxState::kRunning));
  EXPECT_FALSE(*sandboxes.set_lifetime("a", wall_time(1), std::nullopt, std::nullopt));
  EXPECT_FALSE(*sandboxes.touch("a", wall_time(70'000)));
  EXPECT_FALSE(*sandboxes.set_metadata("a", {}));
  EXPECT_FALSE(*sandboxes.end("nobody", {SandboxState::kKilled, "killed", ""}, wall_time(6)));
  Sandbox expected = sample_sandbox("a");
  expected.state = SandboxState::kFailed;
  expected.ended_at = wall_time(5);
  expected.end_reason = "out_of_memory";
  expected.end_detail = "the kernel";
  EXPECT_EQ(*sandboxes.get("a"), expected);
}

TEST_F(Records, ListsAreFiltered) {
  const auto key = store_->keys().make({.label = "other"}, wall_time(1));
  ASSERT_TRUE(key.has_value());
  add("a", 100);
  add("b", 200, key->key.id);
  Sandbox c = sample_sandbox("c");
  c.created_at = wall_time(300);
  c.metadata = {{"team", "red"}, {"stage", "1"}};
  c.template_name = "python";
  c.fork_tree_id = "oak";
  ASSERT_TRUE(store_->sandboxes().insert(c).has_value());
  ASSERT_TRUE(*store_->sandboxes().set_state("a", SandboxState::kRunning));
  ASSERT_TRUE(*store_->sandboxes().end("b", {SandboxState::kKilled, "killed", ""}, wall_time(5)));

  EXPECT_THAT(ids({}), ElementsAre("c", "b", "a"));
  EXPECT_THAT(ids({.key_id = key->key.id}), ElementsAre("b"));
  EXPECT_THAT(ids({.states = {SandboxState::kRunning, SandboxState::kCreating}}), ElementsAre("c", "a"));
  EXPECT_THAT(ids({.states = {SandboxState::kKilled, SandboxState::kRunning}}), ElementsAre("b", "a"));
  EXPECT_THAT(ids({.metadata = {{"team", "red"}}}), ElementsAre("c"));
  EXPECT_THAT(ids({.metadata = {{"team", "red"}, {"stage", "1"}}}), ElementsAre("c"));
  EXPECT_THAT(ids({.metadata = {{"team", "red"}, {"stage", "2"}}}), IsEmpty());
  EXPECT_THAT(ids({.metadata = {{"team", "re"}}}), IsEmpty());
  EXPECT_THAT(ids({.key_id = key->key.id, .metadata = {{"run", "ünï"}}}), ElementsAre("b"));
  EXPECT_THAT(ids({.key_id = key->key.id, .metadata = {{"run", "ünï"}, {"team", "a\"b"}}}), ElementsAre("b"));
  EXPECT_THAT(ids({.created_since = wall_time(200)}), ElementsAre("c", "b"));
  EXPECT_THAT(ids({.created_until = wall_time(200)}), ElementsAre("a"));
  EXPECT_THAT(ids({.template_name = "python"}), ElementsAre("c"));
  EXPECT_THAT(ids({.fork_tree_id = "oak"}), ElementsAre("c"));
  EXPECT_THAT(ids({.key_id = "' OR TRUE --"}), IsEmpty());
}

TEST_F(Records, PagesAreNotDisturbedByInsertions) {
  for (int i = 0; i < 5; ++i) add("s" + std::to_string(i));
  const auto first = store_->sandboxes().list({}, 2);
  ASSERT_TRUE(first.has_value() && first->next.has_value());
  add("new");
  const auto second = store_->sandboxes().list({}, 2, *first->next);
  ASSERT_TRUE(second.has_value() && second->next.has_value());
  const auto third = store_->sandboxes().list({}, 2, *second->next);
  ASSERT_TRUE(third.has_value());
  EXPECT_FALSE(third->next.has_value());
  std::vector<std::string> seen;
  for (const auto* page : {&*first, &*second, &*third}) {
    for (const auto& sandbox : page->items) seen.push_back(sandbox.id);
  }
  EXPECT_THAT(seen, ElementsAre("s4", "s3", "s2", "s1", "s0"));
}

TEST_F(Records, ACursorFitsOnlyTheListThatGaveIt) {
  for (int i = 0; i < 3; ++i) add("s" + std::to_string(i));
  const SandboxFilter filter{.states = {SandboxState::kCreating, SandboxState::kRunning}};
  const auto page = store_->sandboxes().list(filter, 1);
  ASSERT_TRUE(page.has_value() && page->next.has_value());
  const SandboxFilter same{.states = {SandboxState::kRunning, SandboxState::kCreating, SandboxState::kRunning}};
  EXPECT_TRUE(store_->sandboxes().list(same, 2, *page->next).has_value());
  for (const SandboxFilter& other : {SandboxFilter{}, SandboxFilter{.key_id = std::string(kLocalKeyId)},
                                     SandboxFilter{.states = {SandboxState::kCreating}}}) {
    EXPECT_EQ(store_->sandboxes().list(other, 2, *page->next).error().code(), Code::kInvalidArgument);
  }
  std::string changed = *page->next;
  changed[3] = changed[3] == 'a' ? 'b' : 'a';
  for (const std::string& cursor : {changed, std::string("1"), std::string(32, '0'), std::string(32, 'x')}) {
    EXPECT_EQ(store_->sandboxes().list(filter, 2, cursor).error().code(), Code::kInvalidArgument) << cursor;
  }
}

TEST_F(Records, PagesAndFiltersAreBounded) {
  EXPECT_EQ(store_->sandboxes().list({}, 0).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(store_->sandboxes().list({}, kLargestPage + 1).error().code(), Code::kInvalidArgument);
  SandboxFilter filter;
  for (std::size_t i = 0; i < kMostMetadataFilters; ++i) filter.metadata.emplace_back("k" + std::to_string(i), "v");
  EXPECT_TRUE(store_->sandboxes().list(filter, 1).has_value());
  filter.metadata.emplace_back("one more", "v");
  EXPECT_EQ(store_->sandboxes().list(filter, 1).error().code(), Code::kInvalidArgument);
}

TEST_F(Records, TheLivingAreCountedAndFoundAtAStart) {
  const auto key = store_->keys().make({.label = "other"}, wall_time(1));
  ASSERT_TRUE(key.has_value());
  add("a");
  add("b");
  add("c", 1'000, key->key.id);
  add("d");
  auto& sandboxes = store_->sandboxes();
  ASSERT_TRUE(*sandboxes.set_state("a", SandboxState::kRunning));
  ASSERT_TRUE(*sandboxes.end("d", {SandboxState::kKilled, "killed", ""}, wall_time(5)));
  EXPECT_THAT(*sandboxes.count_living(),
              ElementsAre(StateCount{SandboxState::kCreating, 2}, StateCount{SandboxState::kRunning, 1}));
  EXPECT_THAT(*sandboxes.count_living(key->key.id), ElementsAre(StateCount{SandboxState::kCreating, 1}));
  const auto unfinished = sandboxes.unfinished();
  ASSERT_TRUE(unfinished.has_value());
  ASSERT_EQ(unfinished->size(), 3U);
  EXPECT_EQ((*unfinished)[0].id, "a");
  EXPECT_EQ((*unfinished)[2].id, "c");
}

TEST_F(Records, PruningTakesTheLongestEndedAndNeverTheLiving) {
  auto& sandboxes = store_->sandboxes();
  add("living", 0);
  for (int i = 0; i < 6; ++i) {
    const std::string id = "s" + std::to_string(i);
    add(id);
    // The later made end earlier: pruning goes by the end.
    ASSERT_TRUE(*sandboxes.end(id, {SandboxState::kKilled, "killed", ""}, wall_time(100 - i)));
  }
  EXPECT_EQ(*sandboxes.prune(wall_time(0), 100), 0);
  EXPECT_EQ(*sandboxes.prune(wall_time(97), 100), 2);  // s5 at 95, s4 at 96
  EXPECT_THAT(ids({}), ElementsAre("s3", "s2", "s1", "s0", "living"));
  EXPECT_EQ(*sandboxes.prune(wall_time(0), 2), 2);  // s3, s2
  EXPECT_THAT(ids({}), ElementsAre("s1", "s0", "living"));
  EXPECT_EQ(*sandboxes.prune(wall_time(1'000), 0, 1), 1);
  EXPECT_EQ(*sandboxes.prune(wall_time(1'000), 0, 1), 1);
  EXPECT_EQ(*sandboxes.prune(wall_time(1'000), 0, 1), 0);
  EXPECT_THAT(ids({}), ElementsAre("living"));
  EXPECT_THAT(ids({.metadata = {{"run", "ünï"}}}), ElementsAre("living"));
}

// --- snapshots ---

TEST_F(Records, SnapshotsAreKeptListedAndRemoved) {
  auto& snapshots = store_->snapshots();
  for (const std::string id : {"a", "b", "c"}) {
    Snapshot snapshot = sample_snapshot(id);
    if (id == "b") snapshot.sandbox_id = "another";
    ASSERT_TRUE(snapshots.insert(snapshot).has_value());
  }
  EXPECT_EQ(*snapshots.get("a"), sample_snapshot("a"));
  EXPECT_EQ(snapshots.get("x").error().code(), Code::kNotFound);
  EXPECT_EQ(snapshots.insert(sample_snapshot("a")).error().code(), Code::kInvalidArgument);
  const auto page = snapshots.list({.sandbox_id = "sandbox"}, 1);
  ASSERT_TRUE(page.has_value() && page->next.has_value());
  EXPECT_EQ(page->items[0].id, "c");
  EXPECT_EQ(snapshots.list({}, 1, *page->next).error().code(), Code::kInvalidArgument);
  const auto rest = snapshots.list({.sandbox_id = "sandbox"}, 5, *page->next);
  ASSERT_TRUE(rest.has_value());
  ASSERT_EQ(rest->items.size(), 1U);
  EXPECT_EQ(rest->items[0].id, "a");
  EXPECT_FALSE(rest->next.has_value());
  EXPECT_TRUE(snapshots.list({.key_id = "nobody"}, 5)->items.empty());
  EXPECT_TRUE(*snapshots.remove("a"));
  EXPECT_FALSE(*snapshots.remove("a"));
  EXPECT_EQ(snapshots.list({}, 5)->items.size(), 2U);
}

// --- answers ---

TEST_F(Records, ARepeatedRequestGetsTheFirstAnswer) {
  auto& answers = store_->answers();
  EXPECT_TRUE(std::holds_alternative<Claimed>(*answers.claim("local", "t", "hash", wall_time(1))));
  EXPECT_TRUE(std::holds_alternative<InProgress>(*answers.claim("local", "t", "hash", wall_time(2))));
  EXPECT_TRUE(std::holds_alternative<Conflict>(*answers.claim("local", "t", "other", wall_time(2))));
  const std::string body("{\"a\":\0}", 7);
  ASSERT_TRUE(answers.complete("local", "t", {.status = 201, .body = body}).has_value());
  const auto again = answers.claim("local", "t", "hash", wall_time(3));
  ASSERT_TRUE(again.has_value() && std::holds_alternative<Answer>(*again));
  EXPECT_EQ(std::get<Answer>(*again).status, 201);
  EXPECT_EQ(std::get<Answer>(*again).body, body);
  EXPECT_TRUE(std::holds_alternative<Conflict>(*answers.claim("local", "t", "other", wall_time(3))));
  EXPECT_EQ(answers.complete("local", "t", {.status = 500}).error().code(), Code::kNotFound);
  ASSERT_TRUE(answers.release("local", "t").has_value());  // too late: the answer stays
  EXPECT_TRUE(std::holds_alternative<Answer>(*answers.claim("local", "t", "hash", wall_time(3))));
}

TEST_F(Records, AReleasedClaimCanBeTakenAgain) {
  auto& answers = store_->answers();
  const auto key = store_->keys().make({.label = "other"}, wall_time(1));
  ASSERT_TRUE(key.has_value());
  EXPECT_TRUE(std::holds_alternative<Claimed>(*answers.claim("local", "t", "hash", wall_time(1))));
  EXPECT_TRUE(std::holds_alternative<Claimed>(*answers.claim(key->key.id, "t", "other", wall_time(1))));
  ASSERT_TRUE(answers.release("local", "t").has_value());
  EXPECT_TRUE(std::holds_alternative<Claimed>(*answers.claim("local", "t", "other", wall_time(1))));
  EXPECT_EQ(*answers.release_all(), 2);
  EXPECT_TRUE(std::holds_alternative<Claimed>(*answers.claim("local", "t", "hash", wall_time(1))));
}

TEST_F(Records, OldAnswersArePruned) {
  auto& answers = store_->answers();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(answers.claim("local", std::to_string(i), "hash", wall_time(i)).has_value());
    ASSERT_TRUE(answers.complete("local", std::to_string(i), {.status = 200}).has_value());
  }
  EXPECT_EQ(*answers.prune(wall_time(3), 2), 2);
  EXPECT_EQ(*answers.prune(wall_time(3), 2), 1);
  EXPECT_EQ(*answers.prune(wall_time(3), 2), 0);
  EXPECT_TRUE(std::holds_alternative<Claimed>(*answers.claim("local", "2", "hash", wall_time(9))));
  EXPECT_TRUE(std::holds_alternative<Answer>(*answers.claim("local", "3", "hash", wall_time(9))));
}

// --- events ---

TEST_F(Records, EventsAreReadOnFromANumber) {
  auto& events = store_->events();
  EXPECT_EQ(*events.newest(), 0);
  std::vector<Event> written;
  for (int i = 0; i < 6; ++i) {
    Event event{.at = wall_time(i), .key_id = i % 2 == 0 ? "even" : "odd", .type = "sandbox.created", .data = "{}"};
    if (i > 2) event.sandbox_id = "s";
    const auto seq = events.append(event);
    ASSERT_TRUE(seq.has_value());
    event.seq = *seq;
    written.push_back(event);
  }
  EXPECT_EQ(*events.newest(), written.back().seq);
  EXPECT_EQ(*events.list({}, 0, 100), written);
  EXPECT_THAT(*events.list({}, written[1].seq, 2), ElementsAre(written[2], written[3]));
  EXPECT_THAT(*events.list({.key_id = "even"}, written[0].seq, 100), ElementsAre(written[2], written[4]));
  EXPECT_THAT(*events.list({.key_id = "even", .sandbox_id = "s"}, 0, 100), ElementsAre(written[4]));
  EXPECT_THAT(*events.list({.sandbox_id = "s"}, 0, 1), ElementsAre(written[3]));
  EXPECT_THAT(*events.list({}, written.back().seq, 100), IsEmpty());
}

TEST_F(Records, PrunedEventsLeaveTheirNumbersUnused) {
  auto& events = store_->events();
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(events.append({.at = wall_time(i), .key_id = "k", .type = "t", .data = "{}"}).has_value());
  }
  EXPECT_EQ(*events.prune(wall_time(2), 100), 2);
  EXPECT_EQ(*events.prune(wall_time(0), 3), 1);
  EXPECT_EQ(*events.prune(wall_time(1'000), 0, 2), 2);
  EXPECT_EQ(*events.prune(wall_time(1'000), 0, 2), 1);
  EXPECT_EQ(*events.newest(), 6);
  EXPECT_EQ(*events.append({.at = wall_time(9), .key_id = "k", .type = "t", .data = "{}"}), 7);
}

// --- names and transactions ---

TEST(Ids, AreLabelsThatDoNotRepeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 2'000; ++i) {
    const std::string id = make_id();
    EXPECT_TRUE(is_id(id)) << id;
    EXPECT_TRUE(id[0] >= 'a' && id[0] <= 'z') << id;
    EXPECT_EQ(id.find_first_of("ilo01-_"), std::string::npos) << id;
    EXPECT_TRUE(seen.insert(id).second);
  }
  for (const std::string_view text : {"", "a", "abcdefghjkmnpqrstuv", "abcdefghjkmnpqrstuvwx", "2bcdefghjkmnpqrstuvw",
                                      "abcdefghjkmnpqrstuv-", "ABCDEFGHJKMNPQRSTUVW", "abcdefghjkmnpqrstu/."}) {
    EXPECT_FALSE(is_id(text)) << text;
  }
  EXPECT_TRUE(is_id("abcdefghjkmnpqrstu29"));
}

TEST(Ids, TheHashIsSha256) {
  std::string hex;
  for (const char byte : sha256("abc")) {
    constexpr std::string_view kHex = "0123456789abcdef";
    hex += kHex[static_cast<unsigned char>(byte) >> 4U];
    hex += kHex[static_cast<unsigned char>(byte) & 15U];
  }
  EXPECT_EQ(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(Records, ATransactionIsAllOrNothing) {
  {
    auto transaction = store_->begin();
    ASSERT_TRUE(transaction.has_value());
    add("a");
  }
  EXPECT_THAT(ids({}), IsEmpty());
  {
    auto transaction = store_->begin();
    ASSERT_TRUE(transaction.has_value());
    add("b");
    EXPECT_FALSE(store_->sandboxes().insert(sample_sandbox("b")).has_value());  // only the inner one is undone
    ASSERT_TRUE(store_->keys().make({.label = "inside"}, wall_time(1)).has_value());
    ASSERT_TRUE(transaction->commit().has_value());
  }
  EXPECT_THAT(ids({}), ElementsAre("b"));
  EXPECT_EQ(store_->keys().list()->size(), 1U);
}

}  // namespace
}  // namespace brig::store
