#pragma once
/// Journal: every happening, in the store and to whoever follows.
///
/// A follower reads from the store at its own pace and is woken when there is more, so a slow one costs no memory.
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "async/notifier.h"
#include "async/task.h"
#include "http/exchange.h"
#include "sandboxes/sandboxes.h"
#include "store/store.h"

namespace brig::api::ops {

class Journal {
 public:
  /// `store` outlives it.
  Journal(store::Store& store, const asio::any_io_executor& executor, WallClock clock);

  /// The error of the first that could not be written; of those after it nothing is said until one could.
  Result<> append(const sandboxes::Happening& happening);
  /// Server-sent events after number `after`, to the holder of `key_id`, until the client or the daemon goes. If events
  /// after that were pruned, the first is "events.lost".
  Task<> follow(http::Exchange& exchange, store::EventFilter filter, std::string key_id, std::int64_t after);
  /// Followers end; nobody may follow any more.
  void stop();

 private:
  /// How many events a follower with this filter may have missed, counted from the beginning.
  [[nodiscard]] std::uint64_t appended(const store::EventFilter& filter) const;

  store::Store& store_;
  WallClock clock_;
  Notifier changed_;
  std::uint64_t appended_ = 0;  ///< tells a follower that it has missed something while it was sending
  std::map<std::string, std::uint64_t, std::less<>> appended_of_;  ///< by key: who has nothing new need not look
  std::map<std::string, std::size_t, std::less<>> followers_of_;   ///< by key
  std::size_t followers_ = 0;
  bool is_failing_ = false;
  bool is_stopping_ = false;
};

/// What an event says beyond its type, time and sandbox. JSON; pure.
std::string describe(const sandboxes::Happening& happening);

}  // namespace brig::api::ops
