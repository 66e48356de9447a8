#pragma once
/// Snapshots: kept states of sandboxes, and sandboxes made from them. A state is what programs inside could write, as
/// the sandbox's own tar gave it: opaque bytes, never looked into here. Memory and running programs are no part of it.
///
/// A snapshot is in the store once its file is whole and on the disk; what a crash leaves without a record is removed
/// at the next start.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "async/task.h"
#include "base/fd.h"
#include "sandboxes/sandboxes.h"
#include "store/store.h"

namespace brig::sandboxes {

/// Of one key.
inline constexpr std::size_t kSnapshotsMost = 100;
/// Children of one fork.
inline constexpr std::size_t kChildrenMost = 16;

struct ForkRequest {
  std::size_t count = 1;
  std::vector<policy::Variable> metadata;  ///< in addition to the parent's, or instead
  std::string tree_id;                     ///< empty: no tree
};

struct Forked {
  std::vector<Created> children;
  std::vector<std::string> errors;  ///< of the children that could not be made
};

struct Promoted {
  std::vector<std::string> deleted;
  std::vector<std::pair<std::string, std::string>> failures;  ///< id and why
};

class Snapshots {
 public:
  /// `folder` is the daemon's own, mode 0700. References outlive it.
  Snapshots(std::string folder, Sandboxes& sandboxes, store::Store& store, WallClock clock)
      : folder_(std::move(folder)), sandboxes_(sandboxes), store_(store), clock_(std::move(clock)) {}
  Snapshots(const Snapshots&) = delete;
  Snapshots& operator=(const Snapshots&) = delete;
  ~Snapshots();

  /// Once, before anything else: makes the folder, and removes files without a record. How many those were.
  Result<std::size_t> recover();

  /// kConflict while it is paused; kExhausted beyond kSnapshotsMost, or if it is larger than its disk may be. `name` is
  /// for whoever looks for it by that; several may have one.
  Task<store::Snapshot> take(std::shared_ptr<Sandbox> sandbox, std::string name = {});
  /// kNotFound also for another key's.
  [[nodiscard]] Result<store::Snapshot> find(const store::Key& key, std::string_view id) const;
  Result<> remove(const store::Key& key, std::string_view id);
  /// A sandbox that begins with the snapshot's state; none if it cannot be given that.
  Task<Created> create(store::Key key, CreateRequest request, store::Snapshot snapshot);

  /// Copies of a sandbox that lives, with its policy and metadata. An Error only if there is no child at all.
  Task<Forked> fork(store::Key key, std::shared_ptr<Sandbox> parent, ForkRequest request);
  /// Ends the other sandboxes of the winner's fork tree.
  Task<Promoted> promote(store::Key key, std::shared_ptr<Sandbox> winner, std::string tree_id);

 private:
  Task<std::uint64_t> write_state(std::shared_ptr<Sandbox> sandbox, FdRef file);
  Task<Created> create_from(store::Key key, CreateRequest request, FdRef file);
  Task<> to_disk(FdRef file);
  [[nodiscard]] std::string path_of(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
  Sandboxes& sandboxes_;
  store::Store& store_;
  WallClock clock_;
  std::vector<std::string> being_taken_;  ///< the keys for which one is
  asio::thread_pool disk_{1};             ///< waits for the disk, so that the loop does not
};

}  // namespace brig::sandboxes
