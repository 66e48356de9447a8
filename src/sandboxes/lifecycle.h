#pragma once
/// Lifecycle: the states of a sandbox that lives, its deadlines, and the reason it ended. Pure.
///
///     creating ──> running <──> paused
///         └───────────┴───────────┴──> ended, with one reason: the first
///
/// Time is the caller's: wall clock, because deadlines are kept in the store and outlive the process.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/units.h"
#include "base/wall_time.h"

namespace brig::sandboxes {

enum class State : std::uint8_t { kCreating, kRunning, kPaused, kEnded };

enum class EndReason : std::uint8_t {
  kKilled,       ///< somebody asked
  kExpired,      ///< its time-to-live
  kIdle,         ///< nobody used it for its idle time
  kGuestLost,    ///< its first process ended, or it broke the protocol
  kDaemonEnded,  ///< the daemon was stopped
  kDaemonLost,   ///< the daemon was killed: noticed at its next start
};

/// Whether the sandbox ended because it broke, rather than because it was to end.
constexpr bool is_failure(EndReason reason) { return reason == EndReason::kGuestLost; }

/// "creating", "running", "paused", "killed" (or "failed": is_failure()).
std::string_view to_string(State state, EndReason reason = EndReason::kKilled);
/// "killed", "expired", "idle", "guest_lost", "daemon_ended", "daemon_lost"
std::string_view to_string(EndReason reason);

/// When a sandbox ends by itself.
struct Lifespan {
  std::optional<Milliseconds> ttl;   ///< from `set` on; none = no such end
  std::optional<Milliseconds> idle;  ///< after the last use; none = no such end
};

/// What is to become of a Lifespan; what is absent stays as it is.
struct LifespanChange {
  std::optional<std::optional<Milliseconds>> ttl;  ///< counts from the change on
  std::optional<std::optional<Milliseconds>> idle;
};

class Lifecycle {
 public:
  Lifecycle(WallTime now, Lifespan lifespan);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool is_ended() const { return state_ == State::kEnded; }
  [[nodiscard]] EndReason end_reason() const { return reason_; }  ///< of an ended one
  [[nodiscard]] const Lifespan& lifespan() const { return lifespan_; }
  /// The end of its time-to-live.
  [[nodiscard]] std::optional<WallTime> expires_at() const { return expires_at_; }
  [[nodiscard]] WallTime last_used() const { return last_used_; }
  /// The first moment at which it ends by itself, and why; none if it never does, or has ended.
  [[nodiscard]] std::optional<WallTime> due() const;
  [[nodiscard]] EndReason due_reason() const;

  Result<> started();
  Result<> pause();
  Result<> resume(WallTime now);
  /// Somebody uses it. Nothing for one that has ended.
  void use(WallTime now);
  /// kConflict once it has ended or is due: what has expired is not revived.
  Result<> change_lifespan(WallTime now, const LifespanChange& change);
  /// True for the first end; later ones change nothing.
  bool end(EndReason reason);

 private:
  Result<> expect(State state, std::string_view doing) const;

  State state_ = State::kCreating;
  EndReason reason_ = EndReason::kKilled;
  Lifespan lifespan_;
  std::optional<WallTime> expires_at_;
  WallTime last_used_;
};

}  // namespace brig::sandboxes
