#include "store/store.h"

#include "store/header.h"
#include "store/schema.h"

namespace brig::store {
namespace {

/// Reads every page. For a database that was not closed, by us or at all.
Result<> check_whole(Db& db, const std::string& path) {
  auto statement = TRY(db.prepare("PRAGMA quick_check(1)"));
  const bool has_row = TRY(statement.step());
  const std::string verdict = has_row ? Row(statement).text() : "no answer";
  if (verdict == "ok") return {};
  return Error(Code::kInternal, path + " is damaged: " + verdict + "; it has not been touched");
}

Result<std::unique_ptr<Db>> open_database(const std::string& path, const StoreOptions& options) {
  const auto steps = schema_steps();
  TRY(check_header(path, static_cast<std::int64_t>(steps.size())));
  const bool was_closed = !has_log(path);
  auto db = TRY(Db::open(path));
  if (!was_closed) TRY(check_whole(*db, path));
  const std::int64_t version = TRY(db->integer("PRAGMA user_version").context(path));
  // The header says the version too, but the log may know better.
  if (version > static_cast<std::int64_t>(steps.size())) return migrate(*db, path, steps).error();
  const std::int64_t page_size = TRY(db->integer("PRAGMA page_size"));
  TRY(db->execute("PRAGMA journal_mode=WAL; PRAGMA journal_size_limit=16777216; PRAGMA max_page_count=" +
                  std::to_string(options.most.count / static_cast<std::uint64_t>(page_size))));
  if (version < static_cast<std::int64_t>(steps.size())) {
    TRY(migrate(*db, path, steps));
    TRY(db->checkpoint(true));  // from here on the header tells the version
  }
  return db;
}

Result<std::string> cursor_key(Db& db) {
  auto statement = TRY(db.prepare("SELECT value FROM meta WHERE name = 'cursor_key'"));
  if (!TRY(statement.step())) return Error(Code::kInternal, "the state database is damaged: it has no key for cursors");
  return Row(statement).text();
}

}  // namespace

Store::Store(StateFolder folder, std::unique_ptr<Db> db, Cursors cursors, std::unique_ptr<Checkpointer> checkpointer)
    : folder_(std::move(folder)), db_(std::move(db)), cursors_(std::move(cursors)), keys_(*db_),
      sandboxes_(*db_, cursors_), snapshots_(*db_, cursors_), answers_(*db_), events_(*db_, cursors_),
      checkpointer_(std::move(checkpointer)) {
  db_->on_commit([this](int pages) { checkpointer_->committed(pages); });
}

Result<std::unique_ptr<Store>> Store::open(const std::string& folder, StoreOptions options) {
  auto state = TRY(StateFolder::open(folder));
  const std::string path = state.path() + "/brig.db";
  auto db = TRY(open_database(path, options));
  auto cursors = TRY(Cursors::create(TRY(cursor_key(*db))));
  auto checkpointer = TRY(Checkpointer::start(path));
  return std::unique_ptr<Store>(
      new Store(std::move(state), std::move(db), std::move(cursors), std::move(checkpointer)));
}

Result<> Store::try_write() {
  return TRY(db_->prepare("INSERT INTO meta (name, value) VALUES ('tried', x'00') ON CONFLICT (name) DO UPDATE SET "
                          "value = CASE value WHEN x'00' THEN x'01' ELSE x'00' END"))
      .run();
}

Result<> Store::close() {
  checkpointer_.reset();
  db_->on_commit({});
  return db_->close();
}

}  // namespace brig::store
