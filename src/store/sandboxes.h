#pragma once
/// Sandboxes: the records of all sandboxes, living and ended.
///
/// The store knows no rule of their life but one: what has ended changes no more. Every change of a living one says
/// whether it still lived, so that extending and expiring cannot both win.
#include <array>
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

/// Which sandboxes a list has: all conditions hold. Absent or empty = no condition.
struct SandboxFilter {
  std::optional<std::string> key_id;
  std::vector<SandboxState> states;       ///< one of these
  StringMap metadata;                     ///< all of these, equal byte for byte; at most kMostMetadataFilters
  std::optional<WallTime> created_since;  ///< this moment or later
  std::optional<WallTime> created_until;  ///< before this moment
  std::optional<std::string> template_name;
  std::optional<std::string> fork_tree_id;
};

inline constexpr std::size_t kMostMetadataFilters = 8;
inline constexpr std::size_t kLargestPage = 1000;

/// kInvalidArgument unless `limit` is 1 to kLargestPage.
Result<> check_page(std::size_t limit);

struct StateCount {
  SandboxState state = SandboxState::kCreating;
  std::int64_t count = 0;
  bool operator==(const StateCount&) const = default;
};

/// How a sandbox ended. The first end stays.
struct SandboxEnd {
  SandboxState state = SandboxState::kKilled;  ///< killed or failed
  std::string reason;
  std::string detail;
};

class Sandboxes {
 public:
  Sandboxes(Db& db, const Cursors& cursors) : db_(&db), cursors_(&cursors) {}

  /// kInvalidArgument for an id that exists, an unknown key, a time before 1970, metadata with a name twice or not
  /// UTF-8.
  Result<> insert(const Sandbox& sandbox);
  /// kNotFound if it never was or is pruned.
  Result<Sandbox> get(std::string_view id);

  // Each returns true if the sandbox lived and is changed, false if it has ended, was pruned or never was.
  Result<bool> set_state(std::string_view id, SandboxState state);  ///< a state that is not ended
  Result<bool> set_booted(std::string_view id, Milliseconds boot);  ///< running, and how long its start took
  /// Without a time-to-live it is persistent.
  Result<bool> set_lifetime(std::string_view id, std::optional<WallTime> deadline, std::optional<Milliseconds> ttl,
                            std::optional<Milliseconds> idle);
  Result<bool> set_metadata(std::string_view id, const StringMap& metadata);
  Result<bool> set_epoch(std::string_view id, std::int64_t epoch);
  Result<bool> touch(std::string_view id, WallTime now);  ///< never back in time
  /// True for the call that ended it.
  Result<bool> end(std::string_view id, const SandboxEnd& end, WallTime now);

  /// Newest first, by `created_at`, then by the order of insertion. Walking the pages shows every sandbox once,
  /// whatever is inserted meanwhile. kInvalidArgument for a `limit` outside 1..kLargestPage, a cursor of another list,
  /// or too many metadata conditions.
  Result<Page<Sandbox>> list(const SandboxFilter& filter, std::size_t limit, std::string_view cursor = {});
  /// The living ones, of one key or of all.
  Result<std::vector<StateCount>> count_living(std::optional<std::string_view> key_id = {});
  /// Every sandbox without an end, oldest first: what a start has to adopt or destroy.
  Result<std::vector<Sandbox>> unfinished();
  /// Removes ended sandboxes: those that ended before `before`, and all but the newest `keep`; at most `most` a call,
  /// so that none takes long. Returns how many: if it is `most`, there may be more.
  Result<std::int64_t> prune(WallTime before, std::int64_t keep, std::int64_t most = 25);

 private:
  Result<bool> update(std::string_view assignment, std::string_view id, const auto&... values);
  /// What a row of the metadata's index says of its sandbox.
  struct RowName {
    std::int64_t seq = 0;
    std::string key_id;
    WallTime created_at;
  };
  Result<> insert_metadata(const RowName& row, const StringMap& metadata);

  Db* db_;
  const Cursors* cursors_;
};

}  // namespace brig::store
