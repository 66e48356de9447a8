#pragma once
/// Checkpointer: a thread that waits for the disk, so that no commit has to.
///
/// A second after a commit at the latest it syncs the log: from then on the commit survives loss of power. When the log
/// has grown by kManyPages it is copied into the database file, through a connection of the thread's own. What fails (a
/// full disk) is tried again a second later; nothing is lost by it.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"
#include "store/db.h"

namespace brig::store {

class Checkpointer {
 public:
  static Result<std::unique_ptr<Checkpointer>> start(const std::string& path);
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  /// Waits for a checkpoint that is under way.
  ~Checkpointer();

  /// The log now has so many pages. Never blocks for long: called inside every commit.
  void committed(int log_pages);

 private:
  Checkpointer(std::unique_ptr<Db> db, std::string log);
  void run();
  bool checkpoint();
  [[nodiscard]] bool sync_log() const;

  // The thread's alone.
  std::unique_ptr<Db> db_;
  std::string log_;  ///< the log's path
  int copied_ = 0;   ///< pages of the log that are in the database file

  std::mutex mutex_;  ///< of all that follows
  std::condition_variable wake_;
  int log_pages_ = 0;
  bool is_dirty_ = false;
  bool is_stopping_ = false;
  bool is_waiting_for_more_ = false;
  int enough_ = 0;  ///< log pages at which waiting ends
  std::thread thread_;
};

}  // namespace brig::store
