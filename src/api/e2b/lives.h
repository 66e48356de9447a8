#pragma once
/// Lives: what E2B's clients say of a sandbox and Brig's sandboxes know nothing of: that it wakes by itself, and who
/// may reach its ports. When it is paused or ends is sandboxes::TimedPauses' business; what is here is what was asked
/// for.
///
/// Kept in memory, by the sandbox's id: no sandbox outlives the daemon. One that was made otherwise has the defaults of
/// Life once somebody connects to it or speaks of its network, and no public ports until they say so.
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"
#include "sandboxes/sandboxes.h"
#include "sandboxes/timed_pauses.h"

namespace brig::api::e2b {

/// What a client said of the network. There is none; what it said is told back.
struct Network {
  std::vector<std::string> deny_out;
  bool is_public = true;  ///< its ports are reachable by whoever knows its name
  std::string mask_host;  ///< what servers inside are told as Host; empty: localhost
};

/// A measurement, as `metrics` gives it.
struct Sample {
  WallTime at;
  Milliseconds cpu{0};  ///< since the sandbox began
  Bytes memory{0};
  double cpu_percent = 0;  ///< since the sample before
};

struct Life {
  Milliseconds timeout{300'000};  ///< as it was last given
  bool pauses = false;            ///< when its time is over; else it ends
  bool wakes = false;             ///< paused, it is resumed by whoever uses it
  std::string template_id;        ///< as it was asked for; empty: as the sandbox has it
  Network network;
  std::deque<Sample> samples = {};
};

/// Of a sandbox that was made through another door: nobody has said that its ports are public.
[[nodiscard]] Life unknown_life();

class Lives {
 public:
  /// References outlive it.
  Lives(sandboxes::Sandboxes& sandboxes, asio::any_io_executor executor, WallClock clock)
      : pauses_(sandboxes, std::move(executor), std::move(clock)) {}
  Lives(const Lives&) = delete;
  Lives& operator=(const Lives&) = delete;

  /// From now on `life` is the sandbox's, which has lifespan_of(life) already.
  void begin(std::shared_ptr<sandboxes::Sandbox> sandbox, Life life);
  /// Null for one that nobody came to through E2B's door, and that has the defaults.
  [[nodiscard]] Life* find(std::string_view id);
  /// Its own, or a copy of unknown_life().
  [[nodiscard]] Life of(const sandboxes::Sandbox& sandbox);
  /// Its own, which begins as unknown_life() if it has none.
  Life& begun(const std::shared_ptr<sandboxes::Sandbox>& sandbox);
  /// The ids of those that have one, and live.
  [[nodiscard]] std::vector<std::string> ids() const;

  /// As TimedPauses has them.
  [[nodiscard]] sandboxes::Lifespan lifespan_of(const Life& life) const {
    return pauses_.lifespan_of(life.timeout, life.pauses);
  }
  [[nodiscard]] std::optional<WallTime> end_of(const sandboxes::Sandbox& sandbox) const {
    return pauses_.end_of(sandbox);
  }

  /// Its time is over so long from now; with `is_extending` never earlier than before.
  Task<> set_timeout(std::shared_ptr<sandboxes::Sandbox> sandbox, Milliseconds timeout, bool is_extending);
  /// kConflict if it is paused already.
  Task<> pause(std::shared_ptr<sandboxes::Sandbox> sandbox) { return pauses_.pause(std::move(sandbox)); }
  Task<> resume(std::shared_ptr<sandboxes::Sandbox> sandbox, Milliseconds timeout);

  void stop() { pauses_.stop(); }

 private:
  struct Entry {
    Life life;
    std::weak_ptr<sandboxes::Sandbox> sandbox;
  };
  void note_timeout(const sandboxes::Sandbox& sandbox, Milliseconds timeout);
  void forget_ended();

  sandboxes::TimedPauses pauses_;
  std::map<std::string, Entry, std::less<>> lives_;
};

}  // namespace brig::api::e2b
