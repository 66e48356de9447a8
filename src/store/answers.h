#pragma once
/// Answers: what was answered to a request that carries an Idempotency-Key, so that its repetition is not done twice.
///
/// Claim, act, then complete (kept for repetitions) or release (it failed in a way that may be tried again). Completing
/// in one transaction with the act's own record leaves no moment in which one is there without the other.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "store/db.h"

namespace brig::store {

struct Claimed {};     ///< act, then complete() or release()
struct InProgress {};  ///< somebody is at it: to be tried again later
struct Conflict {};    ///< the token was used for another request
struct Answer {
  int status = 0;
  std::string body;
};
using Claim = std::variant<Claimed, InProgress, Conflict, Answer>;

class Answers {
 public:
  explicit Answers(Db& db) : db_(&db) {}

  /// `request_hash`: of everything that makes two requests the same one.
  Result<Claim> claim(std::string_view key_id, std::string_view token, std::string_view request_hash, WallTime now);
  /// kNotFound if nothing is claimed under that token, or it is complete already.
  Result<> complete(std::string_view key_id, std::string_view token, const Answer& answer);
  /// Forgets a claim that is not complete.
  Result<> release(std::string_view key_id, std::string_view token);
  /// Forgets every claim that is not complete. For the start of a daemon: whoever was at it is dead.
  Result<std::int64_t> release_all();
  /// Forgets what was claimed before `before`; at most `most` a call.
  Result<std::int64_t> prune(WallTime before, std::int64_t most = 50);

 private:
  Db* db_;
};

}  // namespace brig::store
