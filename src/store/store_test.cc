// Opening, and what can go wrong with the file underneath.
#include "store/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "store/schema.h"
#include "store/testing/files.h"
#include "store/testing/samples.h"
#include "store/testing/temporary_folder.h"

namespace brig::store {
namespace {

using ::testing::HasSubstr;

std::string database(const TemporaryFolder& folder) { return folder.path() + "/brig.db"; }

unsigned mode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

/// A closed store with `count` sandboxes: s0, s1, …
void fill(const std::string& folder, int count, int first = 0, bool is_closed = true) {
  auto store = Store::open(folder);
  ASSERT_TRUE(store.has_value()) << store.error().message();
  for (int i = first; i < first + count; ++i) {
    ASSERT_TRUE((*store)->sandboxes().insert(sample_sandbox("s" + std::to_string(i))).has_value());
  }
  if (is_closed) ASSERT_TRUE((*store)->close().has_value());
}

std::size_t count(Store& store) {
  const auto unfinished = store.sandboxes().unfinished();
  EXPECT_TRUE(unfinished.has_value()) << unfinished.error().message();
  return unfinished.has_value() ? unfinished->size() : 0;
}

/// Opening fails with this code and words, and leaves every byte of data as it was.
void expect_refused(const TemporaryFolder& folder, Code code, const std::string& words) {
  const auto before = data_files(folder.path());
  for (int i = 0; i < 2; ++i) {
    const auto store = Store::open(folder.path());
    ASSERT_FALSE(store.has_value());
    EXPECT_EQ(store.error().code(), code) << store.error().message();
    EXPECT_THAT(store.error().message(), HasSubstr(words));
    EXPECT_EQ(data_files(folder.path()), before) << "the refused database was changed";
  }
}

TEST(Store, KeepsWhatItWasGivenClosedOrNot) {
  const TemporaryFolder folder;
  for (int i = 0; i < 4; ++i) {
    fill(folder.path(), 1, i, i % 2 == 0);
    EXPECT_EQ(std::filesystem::exists(database(folder) + "-wal"), i % 2 != 0) << "closing empties the log";
  }
  auto store = Store::open(folder.path());
  ASSERT_TRUE(store.has_value()) << store.error().message();
  EXPECT_EQ(count(**store), 4U);
}

TEST(Store, IsForItsOwnerAlone) {
  const TemporaryFolder folder;
  const std::string deep = folder.path() + "/a/b";
  const auto store = Store::open(deep);
  ASSERT_TRUE(store.has_value()) << store.error().message();
  EXPECT_EQ(mode_of(deep), 0700U);
  EXPECT_EQ(mode_of(folder.path() + "/a"), 0700U);
  for (const auto& entry : std::filesystem::directory_iterator(deep)) EXPECT_EQ(mode_of(entry.path()), 0600U) << entry;
}

TEST(Store, RefusesAFolderThatOthersMayEnter) {
  const TemporaryFolder folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0750), 0);
  const auto store = Store::open(folder.path());
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(store.error().message(), HasSubstr("chmod 700"));
  EXPECT_EQ(mode_of(folder.path()), 0750U);
}

TEST(Store, RefusesASecondDaemonAndNamesTheFirst) {
  const TemporaryFolder folder;
  auto first = Store::open(folder.path());
  ASSERT_TRUE(first.has_value());
  const auto second = Store::open(folder.path());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Code::kUnavailable);
  EXPECT_THAT(second.error().message(), HasSubstr("process " + std::to_string(::getpid())));
  first->reset();
  EXPECT_TRUE(Store::open(folder.path()).has_value());
}

TEST(Store, RefusesWhatIsNoDatabase) {
  const TemporaryFolder folder;
  write_bytes(database(folder), "a shopping list");
  expect_refused(folder, Code::kInternal, "no header");
  write_bytes(database(folder), std::string(100'000, '\0'));
  expect_refused(folder, Code::kInternal, "no header");
  std::filesystem::remove(database(folder));
  std::filesystem::create_directory(database(folder));
  EXPECT_FALSE(Store::open(folder.path()).has_value());
}

TEST(Store, RefusesADatabaseOfAnotherProgram) {
  const TemporaryFolder folder;
  write_bytes(database(folder), "");
  {
    auto db = Db::open(database(folder));
    ASSERT_TRUE(db.has_value());
    ASSERT_TRUE((*db)->execute("CREATE TABLE recipes (name TEXT)").has_value());
  }
  expect_refused(folder, Code::kInternal, "not of Brig");
}

TEST(Store, RefusesANewerDatabase) {
  const TemporaryFolder folder;
  fill(folder.path(), 1);
  {
    auto db = Db::open(database(folder));
    ASSERT_TRUE(db.has_value());
    ASSERT_TRUE((*db)->execute("PRAGMA user_version=99").has_value());
  }
  // The version is in the log only, then in the file.
  expect_refused(folder, Code::kUnsupported, "version 99");
  {
    auto db = Db::open(database(folder));
    ASSERT_TRUE(db.has_value() && (*db)->close().has_value());
  }
  expect_refused(folder, Code::kUnsupported, "version 99");
}

TEST(Store, RefusesADatabaseThatWasCut) {
  const TemporaryFolder folder;
  fill(folder.path(), 50);
  const std::string whole = bytes_of(database(folder));
  for (const std::size_t size :
       {std::size_t{50}, std::size_t{100}, std::size_t{4096}, whole.size() - 4096, whole.size() - 1}) {
    write_bytes(database(folder), whole.substr(0, size));
    const auto before = data_files(folder.path());
    const auto store = Store::open(folder.path());
    ASSERT_FALSE(store.has_value()) << size;
    EXPECT_EQ(store.error().code(), Code::kInternal);
    EXPECT_EQ(data_files(folder.path()), before);
  }
  write_bytes(database(folder), whole);
  EXPECT_TRUE(Store::open(folder.path()).has_value());
}

TEST(Store, RefusesADamagedDatabaseThatWasNotClosed) {
  const TemporaryFolder folder;
  fill(folder.path(), 50);
  fill(folder.path(), 1, 50, false);
  std::string bytes = bytes_of(database(folder));
  for (std::size_t i = 4096; i < bytes.size(); i += 7) bytes[i] = static_cast<char>(bytes[i] ^ 0x55);
  write_bytes(database(folder), bytes);
  expect_refused(folder, Code::kInternal, "damaged");
}

TEST(Store, RefusesALogWithoutItsDatabase) {
  const TemporaryFolder folder;
  fill(folder.path(), 3, 0, false);
  ASSERT_TRUE(std::filesystem::remove(database(folder)));
  const std::string log = bytes_of(database(folder) + "-wal");
  ASSERT_FALSE(log.empty());
  for (int i = 0; i < 2; ++i) {
    const auto store = Store::open(folder.path());
    ASSERT_FALSE(store.has_value());
    EXPECT_THAT(store.error().message(), HasSubstr("its log"));
    EXPECT_EQ(bytes_of(database(folder) + "-wal"), log);
  }
}

TEST(Store, DamageThatAppearsLaterIsAnErrorAndNoCrash) {
  const TemporaryFolder folder;
  fill(folder.path(), 200);
  std::string bytes = bytes_of(database(folder));
  for (std::size_t i = bytes.size() / 2; i < bytes.size(); ++i) bytes[i] = '\x5a';
  write_bytes(database(folder), bytes);
  auto store = Store::open(folder.path());
  if (!store.has_value()) return;  // found at once: as good
  int failed = 0;
  for (int i = 0; i < 200; ++i) {
    const auto sandbox = (*store)->sandboxes().get("s" + std::to_string(i));
    if (sandbox.has_value()) continue;
    ++failed;
    EXPECT_TRUE(sandbox.error().code() == Code::kInternal || sandbox.error().code() == Code::kNotFound);
  }
  EXPECT_GT(failed, 0);
}

TEST(Store, AStartThatWasKilledAtItsVeryBeginningIsTriedAgain) {
  const TemporaryFolder folder;
  write_bytes(database(folder), "");
  {
    auto db = Db::open(database(folder));
    ASSERT_TRUE(db.has_value() && (*db)->execute("PRAGMA journal_mode=WAL").has_value());
  }
  EXPECT_TRUE(Store::open(folder.path()).has_value());
}

TEST(Store, AReadOnlyFolderIsAClearError) {
  const TemporaryFolder folder;
  fill(folder.path(), 1);
  const SmallDisk disk(folder.path());
  if (disk.is_mounted()) ASSERT_TRUE(disk.make_read_only());
  else ASSERT_EQ(::chmod(folder.path().c_str(), 0500), 0);
  const auto store = Store::open(folder.path());
  ASSERT_FALSE(store.has_value());
  EXPECT_THAT(store.error().message(), HasSubstr("brig.lock"));
  if (!disk.is_mounted()) ::chmod(folder.path().c_str(), 0700);
}

// --- full ---

TEST(StoreFull, ADatabaseAtItsLimitRefusesAndGoesOn) {
  const TemporaryFolder folder;
  auto store = Store::open(folder.path(), {.most = mebibytes(1)});
  ASSERT_TRUE(store.has_value()) << store.error().message();
  auto& sandboxes = (*store)->sandboxes();
  Sandbox sandbox = sample_sandbox("");
  sandbox.policy = std::string(20'000, 'p');
  int stored = 0;
  for (; stored < 200; ++stored) {
    sandbox.id = "s" + std::to_string(stored);
    const auto inserted = sandboxes.insert(sandbox);
    if (!inserted.has_value()) {
      EXPECT_EQ(inserted.error().code(), Code::kUnavailable) << inserted.error().message();
      break;
    }
    // An end adds something as well: when all is full, whether there is a page for it is luck.
    if (stored == 0) EXPECT_TRUE(*sandboxes.end("s0", {SandboxState::kKilled, "killed", ""}, wall_time(5)));
  }
  ASSERT_GT(stored, 10);
  ASSERT_LT(stored, 200);
  EXPECT_EQ(count(**store) + 1, static_cast<std::size_t>(stored));
  EXPECT_EQ(*sandboxes.prune(wall_time(6), 0), 1);
  EXPECT_TRUE(sandboxes.insert(sandbox).has_value());
  EXPECT_EQ(count(**store), static_cast<std::size_t>(stored));
}

TEST(StoreFull, AFullDiskRefusesAndGoesOnOnceThereIsRoom) {
  const TemporaryFolder folder;
  const SmallDisk disk(folder.path());
  if (!disk.is_mounted()) GTEST_SKIP() << "a disk of four megabytes is mounted for this, which needs root";
  auto store = Store::open(folder.path());
  ASSERT_TRUE(store.has_value()) << store.error().message();
  auto& sandboxes = (*store)->sandboxes();
  ASSERT_TRUE(sandboxes.insert(sample_sandbox("before")).has_value());
  for (int round = 0; round < 3; ++round) {
    disk.fill("filler");
    Sandbox large = sample_sandbox("large" + std::to_string(round));
    large.policy = std::string(200'000, 'p');  // more than what the file system has set aside for the log
    const auto inserted = sandboxes.insert(large);
    ASSERT_FALSE(inserted.has_value());
    EXPECT_EQ(inserted.error().code(), Code::kUnavailable) << inserted.error().message();
    const auto made = (*store)->keys().make({.label = std::string(300'000, 'l')}, wall_time(1));
    ASSERT_FALSE(made.has_value()) << round;
    EXPECT_EQ(made.error().code(), Code::kUnavailable) << made.error().message();
    EXPECT_EQ(sandboxes.get(large.id).error().code(), Code::kNotFound);
    EXPECT_TRUE(sandboxes.get("before").has_value());
    ASSERT_TRUE(std::filesystem::remove(folder.path() + "/filler"));
    EXPECT_TRUE(sandboxes.insert(large).has_value());
  }
  EXPECT_EQ(count(**store), 4U);
  ASSERT_TRUE((*store)->close().has_value());
  store->reset();
  auto again = Store::open(folder.path());
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(count(**again), 4U);
}

TEST(StoreFull, AFullDiskAtTheStartIsAClearError) {
  const TemporaryFolder folder;
  const SmallDisk disk(folder.path());
  if (!disk.is_mounted()) GTEST_SKIP() << "a disk of four megabytes is mounted for this, which needs root";
  disk.fill("filler");
  const auto store = Store::open(folder.path());
  ASSERT_FALSE(store.has_value());
  EXPECT_THAT(store.error().message(), testing::AnyOf(HasSubstr("full"), HasSubstr("No space")));
  ASSERT_TRUE(std::filesystem::remove(folder.path() + "/filler"));
  EXPECT_TRUE(Store::open(folder.path()).has_value());
}

// --- kill -9 ---

/// A child that inserts s<first>, s<first + 1>, … and writes one byte for each that was acknowledged.
pid_t start_writer(const std::string& folder, int first, int acknowledgements) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  auto store = Store::open(folder);
  if (!store.has_value()) ::_exit(1);
  Sandbox sandbox = sample_sandbox("");
  sandbox.policy = std::string(100'000, 'p');  // so that the log is copied now and then
  for (int i = first;; ++i) {
    sandbox.id = "s" + std::to_string(i);
    if (!(*store)->sandboxes().insert(sandbox).has_value()) ::_exit(2);
    if (::write(acknowledgements, "a", 1) != 1) ::_exit(3);
  }
}

TEST(StoreKilled, NothingAcknowledgedIsLost) {
  const TemporaryFolder folder;
  int stored = 0;
  for (const int wanted : {0, 1, 3, 400, 0, 17, 40, 2, 250, 5}) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const pid_t pid = start_writer(folder.path(), stored, pipe[1]);
    ASSERT_GT(pid, 0);
    ::close(pipe[1]);
    int acknowledged = 0;
    char byte = 0;
    while (acknowledged < wanted && ::read(pipe[0], &byte, 1) == 1) ++acknowledged;
    ::kill(pid, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << WEXITSTATUS(status);
    while (::read(pipe[0], &byte, 1) == 1) ++acknowledged;
    ::close(pipe[0]);
    ASSERT_GE(acknowledged, wanted);

    auto store = Store::open(folder.path());  // which reads every page of a database that was not closed
    ASSERT_TRUE(store.has_value()) << store.error().message();
    const int found = static_cast<int>(count(**store));
    EXPECT_GE(found, stored + acknowledged);
    EXPECT_LE(found, stored + acknowledged + 1) << "one may have been stored and not acknowledged";
    for (int i = 0; i < found; ++i) ASSERT_TRUE((*store)->sandboxes().get("s" + std::to_string(i)).has_value()) << i;
    stored = found;
  }
}

}  // namespace
}  // namespace brig::store
