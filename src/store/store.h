#pragma once
/// Store: everything the daemon must know after it died, in one SQLite database of one folder.
///
/// One daemon for a folder. Synchronous, and used by one thread: a call takes some tens of microseconds, because no
/// commit but that of keys and snapshots waits for the disk (Durability). What a call acknowledged survives `kill -9`
/// of every process at once; loss of power may take the last second, but the database stays whole.
///
/// A full disk fails the call (kUnavailable) and nothing else: once there is room again the same Store goes on.
#include <memory>
#include <string>

#include "base/result.h"
#include "base/units.h"
#include "store/answers.h"
#include "store/checkpointer.h"
#include "store/cursor.h"
#include "store/db.h"
#include "store/events.h"
#include "store/keys.h"
#include "store/sandboxes.h"
#include "store/snapshots.h"
#include "store/state_folder.h"

namespace brig::store {

struct StoreOptions {
  Bytes most = gibibytes(4);  ///< size of the database; beyond it calls that add something are kUnavailable
};

class Store {
 public:
  /// Opens or makes `folder`/brig.db and brings it to this version; see StateFolder::open for what the folder must be,
  /// and for two daemons on one folder. kUnsupported for a database of a newer version, kInternal for a damaged one or
  /// a file that is no database of ours: neither is changed in any byte.
  static Result<std::unique_ptr<Store>> open(const std::string& folder, StoreOptions options = {});

  [[nodiscard]] Keys& keys() { return keys_; }
  [[nodiscard]] Sandboxes& sandboxes() { return sandboxes_; }
  [[nodiscard]] Snapshots& snapshots() { return snapshots_; }
  [[nodiscard]] Answers& answers() { return answers_; }
  [[nodiscard]] Events& events() { return events_; }

  /// Several calls, all or none; also faster than one by one.
  Result<Transaction> begin(Durability durability = Durability::kProcess) { return db_->begin(durability); }

  /// Really writes something, that means nothing: the error if nothing can be written at this moment.
  Result<> try_write();

  /// Brings everything into brig.db and lets the folder go. Without it the next open does that work. The Store can no
  /// longer be used, whatever the result.
  Result<> close();

  [[nodiscard]] const std::string& folder() const { return folder_.path(); }

 private:
  Store(StateFolder folder, std::unique_ptr<Db> db, Cursors cursors, std::unique_ptr<Checkpointer> checkpointer);

  StateFolder folder_;
  std::unique_ptr<Db> db_;
  Cursors cursors_;
  Keys keys_;
  Sandboxes sandboxes_;
  Snapshots snapshots_;
  Answers answers_;
  Events events_;
  std::unique_ptr<Checkpointer> checkpointer_;  ///< last: it stops before the rest goes
};

}  // namespace brig::store
