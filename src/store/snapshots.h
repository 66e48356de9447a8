#pragma once
/// Snapshots: the records of kept states of sandboxes. Their files are the service's. Every change is on the disk when
/// the call returns (Durability::kPower): a snapshot outlives its sandbox and the machine's uptime.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/cursor.h"
#include "store/db.h"
#include "store/records.h"

namespace brig::store {

struct SnapshotFilter {
  std::optional<std::string> key_id;
  std::optional<std::string> sandbox_id;
};

class Snapshots {
 public:
  Snapshots(Db& db, const Cursors& cursors) : db_(&db), cursors_(&cursors) {}

  /// kInvalidArgument for an id that exists or an unknown key.
  Result<> insert(const Snapshot& snapshot);
  Result<Snapshot> get(std::string_view id);
  /// Newest first; as Sandboxes::list.
  Result<Page<Snapshot>> list(const SnapshotFilter& filter, std::size_t limit, std::string_view cursor = {});
  /// False if there was none.
  Result<bool> remove(std::string_view id);

 private:
  Db* db_;
  const Cursors* cursors_;
};

}  // namespace brig::store
