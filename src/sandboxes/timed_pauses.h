#pragma once
/// TimedPauses: sandboxes that are paused when their time is over, instead of ended.
///
/// Such a one's own time-to-live is the longest that there is: its end comes after the pause, and a paused one, which
/// costs memory, is given up at last. Kept in memory, by the sandbox's id: no sandbox outlives the daemon. One thread,
/// the executor's.
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/notifier.h"
#include "async/task_group.h"
#include "sandboxes/sandboxes.h"

namespace brig::sandboxes {

class TimedPauses {
 public:
  /// References outlive it.
  TimedPauses(Sandboxes& sandboxes, asio::any_io_executor executor, WallClock clock)
      : sandboxes_(sandboxes), executor_(executor), clock_(std::move(clock)), tasks_(executor) {}
  TimedPauses(const TimedPauses&) = delete;
  TimedPauses& operator=(const TimedPauses&) = delete;

  /// Of a sandbox whose time is `time` from its beginning on, when it is paused or else ended.
  [[nodiscard]] Lifespan lifespan_of(Milliseconds time, bool pauses) const;
  /// From now on the sandbox, whose lifespan is lifespan_of(time, true), is paused whenever its time is over. One that
  /// cannot be is ended then: it has had its time all the same.
  void begin(std::shared_ptr<Sandbox> sandbox, Milliseconds time);

  // The rest is for every sandbox, paused by itself or not.

  /// When it is paused or ends by itself; of a paused one, when it is given up.
  [[nodiscard]] std::optional<WallTime> end_of(const Sandbox& sandbox) const;
  /// Its time is over so long from now; with `is_extending` never earlier than before, and false if that leaves it as
  /// it is. kInvalidArgument as expect_ttl().
  Task<bool> set_time(std::shared_ptr<Sandbox> sandbox, Milliseconds time, bool is_extending);
  /// It does not end when its time is over. kConflict if it is paused already.
  Task<> pause(std::shared_ptr<Sandbox> sandbox);
  Task<> resume(std::shared_ptr<Sandbox> sandbox, Milliseconds time);

  void stop() { tasks_.cancel(); }

 private:
  struct Entry {
    std::weak_ptr<Sandbox> sandbox;
    std::optional<WallTime> at = {};  ///< of one that runs
    std::shared_ptr<Notifier> changed;
  };
  [[nodiscard]] Entry* find(const Sandbox& sandbox);
  Task<> watch(std::string id);
  void forget_ended();

  Sandboxes& sandboxes_;
  asio::any_io_executor executor_;
  WallClock clock_;
  std::map<std::string, Entry, std::less<>> entries_;
  TaskGroup tasks_;
};

}  // namespace brig::sandboxes
