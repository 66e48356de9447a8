// What changes inside, from the agent's inotify.
#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "agent_process.h"

namespace brig::guest {

/// For gtest, which looks for it beside the type.
static void PrintTo(const FileChange& change, std::ostream* out) {
  *out << static_cast<int>(change.kind) << (change.is_folder ? " folder " : " file ") << change.path << " from "
       << change.from;
}

namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;

FileChange change(ChangeKind kind, std::string path, bool is_folder = false, std::string from = {}) {
  return {.kind = kind, .is_folder = is_folder, .path = std::move(path), .from = std::move(from)};
}

class WatchTest : public SessionTest {
 protected:
  WatchTest() {
    std::string name = (fs::temp_directory_path() / "brig-watch-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  ~WatchTest() override { fs::remove_all(root_); }

  std::unique_ptr<Watcher> watch(bool is_recursive, const std::string& path = "") {
    auto watcher = await(session_->watch(*GuestPath::parse(root_ + path), is_recursive));
    EXPECT_TRUE(watcher.has_value()) << watcher.error().message();
    return watcher ? *std::move(watcher) : nullptr;
  }
  void write(const std::string& path, const std::string& text) { std::ofstream(root_ + "/" + path) << text; }
  /// Everything until the file `path`, which the caller makes last, is made; without it.
  std::vector<FileChange> until(Watcher& watcher, const std::string& path) {
    std::vector<FileChange> changes;
    while (true) {
      auto next = await(watcher.next());
      if (!next.has_value() || !next->has_value()) {
        ADD_FAILURE() << "the watch ended: " << (next.has_value() ? "" : next.error().message());
        return changes;
      }
      if (next->value() == change(ChangeKind::kCreated, path)) return changes;
      changes.push_back(**std::move(next));
    }
  }
  std::string root_;
};

TEST_F(WatchTest, TellsWhatHappensToFiles) {
  write("old", "x");
  const auto watcher = watch(false);
  ASSERT_NE(watcher, nullptr);
  write("new", "");
  std::ofstream(root_ + "/old", std::ios::app) << "y";
  fs::rename(root_ + "/old", root_ + "/older");
  fs::remove(root_ + "/older");
  fs::create_directory(root_ + "/folder");
  write("end", "");
  EXPECT_THAT(until(*watcher, "end"),
              ElementsAre(change(ChangeKind::kCreated, "new"), change(ChangeKind::kModified, "old"),
                          change(ChangeKind::kMoved, "older", false, "old"), change(ChangeKind::kRemoved, "older"),
                          change(ChangeKind::kCreated, "folder", true)));
}

TEST_F(WatchTest, AnUploadIsOneChange) {
  write("old", "x");
  const auto watcher = watch(false);
  ASSERT_NE(watcher, nullptr);
  for (const char* name : {"/old", "/new"}) {
    const std::string text = "text";
    ASSERT_TRUE(
        await(session_->write_file(*GuestPath::parse(root_ + name), std::as_bytes(std::span(text)), {})).has_value());
  }
  write("end", "");
  EXPECT_THAT(until(*watcher, "end"),
              ElementsAre(change(ChangeKind::kModified, "old"), change(ChangeKind::kCreated, "new")));
}

TEST_F(WatchTest, AModeIsAModification) {
  write("file", "");
  const auto watcher = watch(false);
  ASSERT_NE(watcher, nullptr);
  ASSERT_EQ(::chmod((root_ + "/file").c_str(), 0600), 0);
  write("end", "");
  EXPECT_THAT(until(*watcher, "end"), ElementsAre(change(ChangeKind::kModified, "file")));
}

TEST_F(WatchTest, WithoutRecursionFoldersBelowAreSilent) {
  fs::create_directory(root_ + "/below");
  const auto watcher = watch(false);
  ASSERT_NE(watcher, nullptr);
  write("below/file", "");
  write("end", "");
  EXPECT_THAT(until(*watcher, "end"), ElementsAre());
}

TEST_F(WatchTest, WithRecursionOldAndNewFoldersAreWatched) {
  fs::create_directories(root_ + "/a/b");
  const auto watcher = watch(true);
  ASSERT_NE(watcher, nullptr);
  write("a/b/deep", "");
  fs::create_directories(root_ + "/c/d/e");  // filled before anybody can watch it
  write("c/d/e/deeper", "");
  write("end", "");
  const auto changes = until(*watcher, "end");
  EXPECT_THAT(changes, Contains(change(ChangeKind::kCreated, "a/b/deep")));
  EXPECT_THAT(changes, Contains(change(ChangeKind::kCreated, "c", true)));
  EXPECT_THAT(changes, Contains(change(ChangeKind::kCreated, "c/d/e", true)));
  write("c/d/e/later", "");
  write("end2", "");
  const auto later = until(*watcher, "end2");
  EXPECT_THAT(later, Contains(change(ChangeKind::kCreated, "c/d/e/later")));
  std::vector<FileChange> all = changes;
  all.insert(all.end(), later.begin(), later.end());
  EXPECT_THAT(all, Contains(change(ChangeKind::kCreated, "c/d/e/deeper")));
}

TEST_F(WatchTest, AMovedFolderIsKnownByItsNewName) {
  fs::create_directories(root_ + "/a/b");
  const auto watcher = watch(true);
  ASSERT_NE(watcher, nullptr);
  fs::rename(root_ + "/a", root_ + "/z");
  write("z/b/file", "");
  write("end", "");
  const auto changes = until(*watcher, "end");
  EXPECT_THAT(changes, Contains(change(ChangeKind::kMoved, "z", true, "a")));
  EXPECT_THAT(changes, Contains(change(ChangeKind::kCreated, "z/b/file")));
}

TEST_F(WatchTest, WhatIsMovedAwayIsGoneAndSilent) {
  fs::create_directories(root_ + "/in/a/b");
  const auto watcher = watch(true, "/in");
  ASSERT_NE(watcher, nullptr);
  fs::rename(root_ + "/in/a", root_ + "/out");
  write("in/mark", "");
  EXPECT_THAT(until(*watcher, "mark"), ElementsAre(change(ChangeKind::kRemoved, "a", true)));
  write("out/b/file", "");
  write("in/end", "");
  EXPECT_THAT(until(*watcher, "end"), ElementsAre());
}

TEST_F(WatchTest, EndsWithTheWatchedPlace) {
  fs::create_directory(root_ + "/in");
  const auto watcher = watch(true, "/in");
  ASSERT_NE(watcher, nullptr);
  fs::remove(root_ + "/in");
  EXPECT_EQ(*await(watcher->next()), change(ChangeKind::kRemoved, ""));
  EXPECT_EQ(*await(watcher->next()), std::nullopt);
  EXPECT_EQ(*await(watcher->next()), std::nullopt);
}

TEST_F(WatchTest, AFileCanBeWatched) {
  write("file", "");
  const auto watcher = watch(false, "/file");
  ASSERT_NE(watcher, nullptr);
  std::ofstream(root_ + "/file", std::ios::app) << "y";
  EXPECT_EQ(*await(watcher->next()), change(ChangeKind::kModified, ""));
}

TEST_F(WatchTest, WhatCannotBeWatchedIsSaid) {
  const auto missing = await(session_->watch(*GuestPath::parse(root_ + "/no"), true));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().os_error(), ENOENT);
}

TEST_F(WatchTest, TheNumberOfFoldersIsBoundedAndSaid) {
  for (std::size_t i = 0; i < kWatchFoldersMax + 5; ++i) fs::create_directory(root_ + "/" + std::to_string(i));
  const auto watcher = watch(true);
  ASSERT_NE(watcher, nullptr);
  const auto first = await(watcher->next());
  ASSERT_TRUE(first.has_value() && first->has_value());
  EXPECT_EQ((*first)->kind, ChangeKind::kLimited);
  write("end", "");
  EXPECT_THAT(until(*watcher, "end"), ElementsAre()) << "said once";
}

TEST_F(WatchTest, WhoReadsTooSlowlyIsToldOfTheLoss) {
  const auto watcher = watch(false);
  ASSERT_NE(watcher, nullptr);
  std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
  int events = 16'384;
  limit >> events;
  // Two alternating files, or the kernel would see one change many times; nobody reads meanwhile.
  std::ofstream one(root_ + "/one");
  std::ofstream other(root_ + "/other");
  for (int i = 0; i < events + 20'000; ++i) (i % 2 == 0 ? one : other) << "x" << std::flush;
  ChangeKind kind = ChangeKind::kCreated;
  int count = 0;
  while (kind != ChangeKind::kOverflow && count++ < events + 20'000) {
    const auto next = await(watcher->next());
    ASSERT_TRUE(next.has_value() && next->has_value());
    kind = (*next)->kind;
  }
  EXPECT_EQ(kind, ChangeKind::kOverflow);
}

TEST_F(WatchTest, DestroyingTheWatcherEndsItAndTheNextOneWorks) {
  for (int i = 0; i < 200; ++i) {  // more than a user may have instances of inotify at once
    const auto watcher = watch(false);
    ASSERT_NE(watcher, nullptr) << i;
  }
  auto watcher = watch(false);
  auto waiting = watcher->next();
  watcher.reset();
  EXPECT_EQ(await(std::move(waiting)).error().code(), Code::kCancelled);
}

}  // namespace
}  // namespace brig::guest
