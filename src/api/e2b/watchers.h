#pragma once
/// Watchers: watches of folders that a client polls instead of holding a stream open.
///
/// A watcher belongs to a sandbox and is named by a number that its sandbox alone knows. Changes wait for the client up
/// to kWaitingMax; then the agent is asked for no more, and what its kernel's queue loses is said at the next poll. One
/// that nobody polls for kPatience is removed.
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/notifier.h"
#include "async/task_group.h"
#include "guest/session.h"
#include "sandboxes/sandbox.h"

namespace brig::api::e2b {

class Watchers {
 public:
  static constexpr std::size_t kOfSandboxMax = 32;
  static constexpr std::size_t kOfOwnerMax = 128;  ///< of all sandboxes of one key
  static constexpr std::size_t kAllMax = 2'048;
  static constexpr std::size_t kWaitingMax = 1'024;                        ///< changes of one
  static constexpr std::size_t kWaitingBytesMax = std::size_t{256} << 10;  ///< of their names
  static constexpr Milliseconds kPatience{600'000};

  /// The executor outlives it.
  explicit Watchers(asio::any_io_executor executor, Milliseconds patience = kPatience)
      : executor_(executor), patience_(patience), tasks_(std::move(executor)) {}
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  /// What polls need to know of a watch beside its changes.
  struct Watched {
    GuestPath folder;
    bool includes_entry = false;
  };

  /// Takes the watch over and names it. kExhausted if there are as many as there may be.
  Result<std::string> add(std::string sandbox_id, std::string owner, std::unique_ptr<guest::Watcher> watcher,
                          Watched watched);

  struct Polled {
    Watched watched;
    std::vector<guest::FileChange> changes;  ///< since the last time
  };
  /// kNotFound for a name that is not this sandbox's; once, what ended the watch.
  Result<Polled> poll(std::string_view sandbox_id, std::string_view name);
  /// kNotFound.
  Result<> remove(std::string_view sandbox_id, std::string_view name);
  [[nodiscard]] std::size_t size() const { return watchers_.size(); }

 private:
  struct One;
  using Key = std::pair<std::string, std::string>;  ///< sandbox, name
  static Task<> collect(std::shared_ptr<One> one, std::shared_ptr<guest::Watcher> watcher);
  static Task<> tend(std::shared_ptr<One> one, std::unique_ptr<guest::Watcher> watcher, Milliseconds patience);
  void forget_over();

  asio::any_io_executor executor_;
  Milliseconds patience_;
  std::map<Key, std::shared_ptr<One>> watchers_;
  std::uint64_t next_ = 1;
  TaskGroup tasks_;
};

}  // namespace brig::api::e2b
