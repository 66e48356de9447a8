#include "store/snapshots.h"

#include "store/sandboxes.h"

namespace brig::store {
namespace {

#define BRIG_SNAPSHOT_COLUMNS \
  "id, key_id, sandbox_id, template, created_at, size_bytes, file_name, policy, has_memory, name"

Snapshot read_snapshot(Row& row) {
  Snapshot snapshot;
  snapshot.id = row.text();
  snapshot.key_id = row.text();
  snapshot.sandbox_id = row.text();
  snapshot.template_name = row.text();
  snapshot.created_at = row.time();
  snapshot.size = Bytes{static_cast<std::uint64_t>(row.integer())};
  snapshot.file_name = row.text();
  snapshot.policy = row.text();
  snapshot.has_memory = row.integer() != 0;
  snapshot.name = row.text();
  return snapshot;
}

}  // namespace

Result<> Snapshots::insert(const Snapshot& snapshot) {
  auto transaction = TRY(db_->begin(Durability::kPower));
  TRY(TRY(db_->prepare("INSERT INTO snapshots (" BRIG_SNAPSHOT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"))
          .bind(snapshot.id, snapshot.key_id, snapshot.sandbox_id, snapshot.template_name, snapshot.created_at,
                static_cast<std::int64_t>(snapshot.size.count), snapshot.file_name, snapshot.policy,
                std::int64_t{snapshot.has_memory}, snapshot.name)
          .run());
  return transaction.commit();
}

Result<Snapshot> Snapshots::get(std::string_view id) {
  auto statement = TRY(db_->prepare("SELECT " BRIG_SNAPSHOT_COLUMNS " FROM snapshots WHERE id = ?"));
  if (!TRY(statement.bind(id).step())) return Error(Code::kNotFound, "no such snapshot");
  Row row(statement);
  return read_snapshot(row);
}

Result<Page<Snapshot>> Snapshots::list(const SnapshotFilter& filter, std::size_t limit, std::string_view cursor) {
  TRY(check_page(limit));
  std::string scope = "snapshots";
  std::string sql = "SELECT seq, " BRIG_SNAPSHOT_COLUMNS " FROM snapshots WHERE TRUE";
  if (filter.key_id.has_value()) {
    sql += " AND key_id = ?";
    scope += " key " + *filter.key_id;
  }
  if (filter.sandbox_id.has_value()) {
    sql += " AND sandbox_id = ?";
    scope += " sandbox " + *filter.sandbox_id;
  }
  if (!cursor.empty()) sql += " AND seq < ?";

  auto statement = TRY(db_->prepare(sql + " ORDER BY seq DESC LIMIT ?"));
  if (filter.key_id.has_value()) statement.bind(*filter.key_id);
  if (filter.sandbox_id.has_value()) statement.bind(*filter.sandbox_id);
  if (!cursor.empty()) statement.bind(TRY(cursors_->decode(cursor, scope)).seq);
  statement.bind(static_cast<std::int64_t>(limit) + 1);
  Page<Snapshot> page;
  std::int64_t last = 0;
  while (TRY(statement.step())) {
    if (page.items.size() == limit) {
      page.next = cursors_->encode({.at = {}, .seq = last}, scope);
      break;
    }
    Row row(statement);
    last = row.integer();
    page.items.push_back(read_snapshot(row));
  }
  return page;
}

Result<bool> Snapshots::remove(std::string_view id) {
  auto transaction = TRY(db_->begin(Durability::kPower));
  const auto removed = TRY(TRY(db_->prepare("DELETE FROM snapshots WHERE id = ?")).bind(id).run_and_count());
  TRY(transaction.commit());
  return removed == 1;
}

}  // namespace brig::store
