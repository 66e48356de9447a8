#include "store/events.h"

namespace brig::store {

Result<std::int64_t> Events::append(const Event& event) {
  auto statement =
      TRY(db_->prepare("INSERT INTO events (at, key_id, sandbox_id, type, data) VALUES (?, ?, ?, ?, ?) RETURNING seq"));
  statement.bind(event.at, event.key_id, event.sandbox_id, event.type, event.data);
  if (!TRY(statement.step())) return Error(Code::kInternal, "the state database answers nothing");
  const std::int64_t seq = Row(statement).integer();
  TRY(statement.run());  // the insertion is committed when the statement has ended
  return seq;
}

Result<std::vector<Event>> Events::list(const EventFilter& filter, std::int64_t after, std::size_t limit) {
  std::string sql = "SELECT seq, at, key_id, sandbox_id, type, data FROM events WHERE seq > ?";
  if (filter.key_id.has_value()) sql += " AND key_id = ?";
  if (filter.sandbox_id.has_value()) sql += " AND sandbox_id = ?";
  auto statement = TRY(db_->prepare(sql + " ORDER BY seq LIMIT ?"));
  statement.bind(after);
  if (filter.key_id.has_value()) statement.bind(*filter.key_id);
  if (filter.sandbox_id.has_value()) statement.bind(*filter.sandbox_id);
  statement.bind(static_cast<std::int64_t>(limit));
  std::vector<Event> events;
  while (TRY(statement.step())) {
    Row row(statement);
    Event event;
    event.seq = row.integer();
    event.at = row.time();
    event.key_id = row.text();
    event.sandbox_id = row.maybe_text();
    event.type = row.text();
    event.data = row.text();
    events.push_back(std::move(event));
  }
  return events;
}

Result<std::int64_t> Events::newest() {
  return db_->integer("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)");
}

Result<std::int64_t> Events::oldest() {
  return db_->integer(
      "SELECT coalesce((SELECT min(seq) FROM events), "
      "1 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0))");
}

std::string Events::mark(std::int64_t seq, std::string_view key_id) const {
  return cursors_->encode({.at = {}, .seq = seq}, "events " + std::string(key_id));
}

Result<std::int64_t> Events::seq_of(std::string_view mark, std::string_view key_id) const {
  return TRY(cursors_->decode(mark, "events " + std::string(key_id))).seq;
}

Result<std::int64_t> Events::prune(WallTime before, std::int64_t keep, std::int64_t most) {
  // Only the oldest `most` are looked at: numbers have no gaps but at the old end, so `keep` is a difference of
  // numbers.
  return TRY(db_->prepare("DELETE FROM events WHERE seq IN (SELECT seq FROM events ORDER BY seq LIMIT ?) AND "
                          "(at < ? OR seq <= (SELECT max(seq) FROM events) - ?)"))
      .bind(most, before, keep)
      .run_and_count();
}

}  // namespace brig::store
