// Upgrades: from every released version, and what a failed one leaves.
#include "store/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/store.h"
#include "store/testing/files.h"
#include "store/testing/samples.h"
#include "store/testing/temporary_folder.h"

namespace brig::store {
namespace {

using ::testing::HasSubstr;

/// Every table and index, as text.
std::string schema_of(const std::string& path) {
  auto db = Db::open(path);
  EXPECT_TRUE(db.has_value());
  std::string text;
  auto statement = (*db)->prepare("SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name");
  EXPECT_TRUE(statement.has_value());
  while (*statement->step()) {
    Row row(*statement);
    text += row.text() + " " + row.text() + ": ";
    text += row.text() + "\n";
  }
  return text;
}

std::int64_t version_of(const std::string& path) {
  auto db = Db::open(path);
  EXPECT_TRUE(db.has_value());
  return *(*db)->integer("PRAGMA user_version");
}

/// An empty file for the database, opened.
std::unique_ptr<Db> new_database(const std::string& path) {
  write_bytes(path, "");
  auto db = Db::open(path);
  EXPECT_TRUE(db.has_value());
  return std::move(*db);
}

class Upgrade : public ::testing::TestWithParam<int> {};

// src/store/testing/v<N>.sql is what version N wrote (`sqlite3 brig.db .dump` and its two numbers). Never edit one.
TEST_P(Upgrade, KeepsEverythingAndEndsInTheNewestSchema) {
  const std::string name = "src/store/testing/v" + std::to_string(GetParam()) + ".sql";
  const std::string dump = bytes_of(std::string(BRIG_SOURCE_DIR) + "/" + name);
  ASSERT_FALSE(dump.empty()) << name << " is missing: every released version needs one";
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/brig.db";
  const auto loaded = new_database(path)->execute(dump);
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message();
  ASSERT_EQ(version_of(path), GetParam());

  auto store = Store::open(folder.path());
  ASSERT_TRUE(store.has_value()) << store.error().message();
  EXPECT_EQ(*(*store)->sandboxes().get("living"), sample_sandbox("living"));
  EXPECT_EQ((*store)->sandboxes().get("ended")->end_reason, "deadline");
  EXPECT_EQ((*store)->sandboxes().list({.metadata = {{"run", "ünï"}}}, 10)->items.size(), 2U);
  EXPECT_EQ(*(*store)->snapshots().get("snap"), sample_snapshot("snap"));
  const auto key = (*store)->keys().find("brig_0123456789012345678901234567890123456789");
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->label, "fixture");
  EXPECT_EQ(key->quota.memory, mebibytes(512));
  EXPECT_TRUE(std::holds_alternative<Answer>(*(*store)->answers().claim("local", "token", "hash", wall_time(9))));
  EXPECT_EQ((*store)->events().list({}, 0, 10)->size(), 1U);
  EXPECT_EQ(*(*store)->events().newest(), 2);
  ASSERT_TRUE((*store)->close().has_value());
  store->reset();

  const TemporaryFolder fresh;
  ASSERT_TRUE((*Store::open(fresh.path()))->close().has_value());
  EXPECT_EQ(schema_of(path), schema_of(fresh.path() + "/brig.db"));
  EXPECT_EQ(version_of(path), version_of(fresh.path() + "/brig.db"));
}

INSTANTIATE_TEST_SUITE_P(EveryVersion, Upgrade, ::testing::Range(1, static_cast<int>(schema_steps().size()) + 1));

TEST(Migrate, AFailedStepLeavesTheVersionBeforeItAndACopy) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/brig.db";
  auto db = new_database(path);
  const std::vector<const char*> first{"CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (7)"};
  ASSERT_TRUE(migrate(*db, path, first).has_value());
  EXPECT_FALSE(std::filesystem::exists(path + ".v0.bak")) << "there was nothing to keep";

  std::vector<const char*> steps = first;
  steps.push_back("ALTER TABLE t ADD COLUMN b INTEGER");
  steps.push_back("ALTER TABLE t ADD COLUMN c INTEGER; UPDATE t SET a = 8; SELECT no_such_thing");
  write_bytes(path + ".v1.bak.tmp", "left by a start that was killed");
  const auto failed = migrate(*db, path, steps);
  ASSERT_FALSE(failed.has_value());
  EXPECT_THAT(failed.error().message(), HasSubstr("to version 3"));
  EXPECT_EQ(*db->integer("PRAGMA user_version"), 2);
  EXPECT_EQ(*db->integer("SELECT a FROM t"), 7);
  EXPECT_EQ(*db->integer("SELECT count(*) FROM pragma_table_info('t')"), 2);
  EXPECT_FALSE(std::filesystem::exists(path + ".v1.bak.tmp"));
  EXPECT_EQ(version_of(path + ".v1.bak"), 1);
  EXPECT_EQ(*(*Db::open(path + ".v1.bak"))->integer("SELECT a FROM t"), 7);

  steps.back() = "ALTER TABLE t ADD COLUMN c INTEGER; UPDATE t SET a = 8";
  const auto done = migrate(*db, path, steps);
  ASSERT_TRUE(done.has_value()) << done.error().message();
  EXPECT_EQ(*db->integer("PRAGMA user_version"), 3);
  EXPECT_EQ(*db->integer("SELECT a FROM t"), 8);
  EXPECT_EQ(version_of(path + ".v2.bak"), 2);
  EXPECT_EQ(migrate(*db, path, first).error().code(), Code::kUnsupported);
}

TEST(Migrate, ABackupCanTakeTheDatabasesPlace) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/brig.db";
  {
    auto store = Store::open(folder.path());
    ASSERT_TRUE(store.has_value());
    ASSERT_TRUE((*store)->sandboxes().insert(sample_sandbox("a")).has_value());
    ASSERT_TRUE((*store)->close().has_value());
  }
  {
    auto db = Db::open(path);
    ASSERT_TRUE(db.has_value());
    std::vector<const char*> steps(schema_steps().begin(), schema_steps().end());
    steps.push_back("DELETE FROM sandboxes");
    ASSERT_TRUE(migrate(**db, path, steps).has_value());
    ASSERT_TRUE((*db)->close().has_value());
  }
  ASSERT_EQ(Store::open(folder.path()).error().code(), Code::kUnsupported);
  std::filesystem::rename(path + ".v" + std::to_string(schema_steps().size()) + ".bak", path);
  auto store = Store::open(folder.path());
  ASSERT_TRUE(store.has_value()) << store.error().message();
  EXPECT_TRUE((*store)->sandboxes().get("a").has_value());
}

}  // namespace
}  // namespace brig::store
