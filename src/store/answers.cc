#include "store/answers.h"

namespace brig::store {

Result<Claim> Answers::claim(std::string_view key_id, std::string_view token, std::string_view request_hash,
                             WallTime now) {
  const auto inserted =
      TRY(TRY(db_->prepare("INSERT INTO answers (key_id, token, request_hash, created_at) VALUES (?, ?, ?, ?) "
                           "ON CONFLICT (key_id, token) DO NOTHING"))
              .bind(key_id, token, Blob{request_hash}, now)
              .run_and_count());
  if (inserted == 1) return Claimed();
  auto statement = TRY(db_->prepare("SELECT request_hash, status, body FROM answers WHERE key_id = ? AND token = ?"));
  if (!TRY(statement.bind(key_id, token).step())) return Error(Code::kInternal, "a claim vanished");
  Row row(statement);
  if (row.text() != request_hash) return Conflict();
  const auto status = row.maybe_integer();
  if (!status.has_value()) return InProgress();
  return Answer{.status = static_cast<int>(*status), .body = row.text()};
}

Result<> Answers::complete(std::string_view key_id, std::string_view token, const Answer& answer) {
  const auto changed =
      TRY(TRY(db_->prepare("UPDATE answers SET status = ?, body = ? WHERE key_id = ? AND token = ? AND status IS NULL"))
              .bind(std::int64_t{answer.status}, Blob{answer.body}, key_id, token)
              .run_and_count());
  if (changed == 0) return Error(Code::kNotFound, "no request is in progress under this idempotency key");
  return {};
}

Result<> Answers::release(std::string_view key_id, std::string_view token) {
  return TRY(db_->prepare("DELETE FROM answers WHERE key_id = ? AND token = ? AND status IS NULL"))
      .bind(key_id, token)
      .run();
}

Result<std::int64_t> Answers::release_all() {
  return TRY(db_->prepare("DELETE FROM answers WHERE status IS NULL")).run_and_count();
}

Result<std::int64_t> Answers::prune(WallTime before, std::int64_t most) {
  return TRY(db_->prepare("DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers WHERE created_at < ? "
                          "ORDER BY created_at LIMIT ?)"))
      .bind(before, most)
      .run_and_count();
}

}  // namespace brig::store
