#pragma once
/// Pool: cells of one kind that are ready before anybody asks. Each is used once. Pools (pools.h) has them all.
///
/// A kind is what a cell itself enforces: wall, template, limits. Environment and deadline are given when a cell is
/// taken. A pool refills itself one at a time; a cell that cannot be made is tried again a little later, and told of
/// once.
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/notifier.h"
#include "async/task.h"
#include "async/task_group.h"
#include "guest/session.h"
#include "policy/policy.h"
#include "runtime/runtime.h"
#include "sandboxes/contexts/zygote.h"

namespace brig::sandboxes {

/// A cell, as a rule one whose agent has answered.
struct PreparedCell {
  std::string id;
  std::unique_ptr<runtime::Cell> cell;
  std::unique_ptr<guest::Session> session;
  Bytes memory;                         ///< what it took when it was ready; of those in a pool
  std::shared_ptr<Zygote> zygote = {};  ///< of those in a pool, if they are warmed
};

/// What a prepared cell is good for.
struct CellKind {
  runtime::Runtime* runtime = nullptr;
  runtime::RootImage root;
  policy::Policy policy;  ///< of a cell: see kind_of()
  bool operator==(const CellKind&) const = default;
};

/// Without what a command is given rather than a cell, and what was decided when the wall was chosen.
CellKind kind_of(runtime::Runtime& runtime, runtime::RootImage root, policy::Policy policy);

/// Makes a cell to whose agent nobody has spoken: there is no session.
Task<PreparedCell> make_cell(runtime::Runtime& runtime, runtime::CellSpec spec);
/// Makes a cell and waits until its agent has answered.
Task<PreparedCell> prepare_cell(runtime::Runtime& runtime, asio::any_io_executor executor, runtime::CellSpec spec);

class Pool {
 public:
  using Clock = std::chrono::steady_clock;
  /// What pools share.
  struct Services {
    asio::any_io_executor executor;
    std::function<std::string()> make_id;
    std::function<void(const Error&)> on_failure;
    /// Whether `pool` may make one more, which is expected to take expected(). Asked again after wake().
    std::function<bool(const Pool& pool)> has_room;
    /// The zygote that its cells are prepared with; none if they are prepared without.
    std::function<std::optional<ZygoteSpec>(const CellKind& kind)> warmth;
    std::function<void(PreparedCell)> let_go;  ///< ends it, for good
    std::function<void()> on_room;             ///< there is more of it
  };

  /// Begins to fill when it is told how many are wanted.
  Pool(CellKind kind, std::shared_ptr<const Services> services);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  [[nodiscard]] const CellKind& kind() const { return kind_; }
  void note_asked() { last_asked_ = Clock::now(); }
  /// None if none is ready: then the caller makes its own.
  std::optional<PreparedCell> take();
  /// How many there should be. More than that are let go.
  void want(std::size_t count);
  [[nodiscard]] std::size_t wanted() const { return wanted_; }
  [[nodiscard]] std::size_t ready() const { return ready_.size(); }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] Clock::time_point last_asked() const { return last_asked_; }  ///< the epoch: never
  /// Of the cells that are ready or being made.
  [[nodiscard]] Bytes memory() const;
  /// What one more will take, by what the last one took.
  [[nodiscard]] Bytes expected() const;
  /// What all that are still to be made will take; none if making them fails.
  [[nodiscard]] Bytes missing() const;
  /// Lets one that is ready go, for other pools' sake.
  void give_up_one();
  /// There may be room now.
  void wake() { changed_.notify(); }
  /// Ends every prepared cell.
  Task<> stop();

 private:
  Task<> fill(std::shared_ptr<bool> is_over, std::shared_ptr<const Services> services);

  CellKind kind_;
  std::shared_ptr<const Services> services_;
  std::size_t wanted_ = 0;
  std::deque<PreparedCell> ready_;
  bool is_making_ = false;
  bool is_failing_ = false;
  std::optional<Bytes> last_memory_;  ///< of the last one that was made
  std::uint64_t failures_ = 0;
  Clock::time_point last_asked_;
  Notifier changed_;
  std::shared_ptr<bool> is_over_ = std::make_shared<bool>(false);
  TaskGroup tasks_;
};

}  // namespace brig::sandboxes
