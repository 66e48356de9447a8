#pragma once
/// Events: what happened, in order, for streams that can be resumed.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/cursor.h"
#include "store/db.h"
#include "store/records.h"

namespace brig::store {

struct EventFilter {
  std::optional<std::string> key_id;
  std::optional<std::string> sandbox_id;
};

class Events {
 public:
  Events(Db& db, const Cursors& cursors) : db_(&db), cursors_(&cursors) {}

  /// Returns the event's number; `event.seq` is ignored. Numbers grow and are never used again, pruned or not.
  Result<std::int64_t> append(const Event& event);
  /// Oldest first, those with a number above `after`.
  Result<std::vector<Event>> list(const EventFilter& filter, std::int64_t after, std::size_t limit);
  /// The number of the newest event ever, 0 if there was none.
  Result<std::int64_t> newest();
  /// The number of the oldest that is still there; one more than newest() if there is none.
  Result<std::int64_t> oldest();
  /// A number as text for whoever holds `key_id`: it says nothing about how much others do, and fits only that key.
  [[nodiscard]] std::string mark(std::int64_t seq, std::string_view key_id) const;
  /// kInvalidArgument for what mark() has not given that key.
  [[nodiscard]] Result<std::int64_t> seq_of(std::string_view mark, std::string_view key_id) const;
  /// Removes the oldest: those from before `before`, and all but the newest `keep`; at most `most` a call.
  Result<std::int64_t> prune(WallTime before, std::int64_t keep, std::int64_t most = 100);

 private:
  Db* db_;
  const Cursors* cursors_;
};

}  // namespace brig::store
