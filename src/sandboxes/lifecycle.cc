#include "sandboxes/lifecycle.h"

#include <algorithm>
#include <string>

namespace brig::sandboxes {

std::string_view to_string(State state, EndReason reason) {
  switch (state) {
    case State::kCreating: return "creating";
    case State::kRunning: return "running";
    case State::kPaused: return "paused";
    case State::kEnded: break;
  }
  return is_failure(reason) ? "failed" : "killed";
}

std::string_view to_string(EndReason reason) {
  switch (reason) {
    case EndReason::kKilled: return "killed";
    case EndReason::kExpired: return "expired";
    case EndReason::kIdle: return "idle";
    case EndReason::kGuestLost: return "guest_lost";
    case EndReason::kDaemonEnded: return "daemon_ended";
    case EndReason::kDaemonLost: return "daemon_lost";
  }
  return "killed";
}

Lifecycle::Lifecycle(WallTime now, Lifespan lifespan) : lifespan_(lifespan), last_used_(now) {
  if (lifespan.ttl) expires_at_ = now + *lifespan.ttl;
}

std::optional<WallTime> Lifecycle::due() const {
  if (is_ended()) return {};
  if (!lifespan_.idle) return expires_at_;
  const WallTime idle_end = last_used_ + *lifespan_.idle;
  return expires_at_ ? std::min(*expires_at_, idle_end) : idle_end;
}

EndReason Lifecycle::due_reason() const {
  const bool is_ttl = expires_at_ && (!lifespan_.idle || *expires_at_ <= last_used_ + *lifespan_.idle);
  return is_ttl ? EndReason::kExpired : EndReason::kIdle;
}

Result<> Lifecycle::expect(State state, std::string_view doing) const {
  if (state_ == state) return {};
  const std::string is =
      is_ended() ? "has ended (" + std::string(to_string(reason_)) + ")" : "is " + std::string(to_string(state_));
  return Error(Code::kConflict, "the sandbox cannot be " + std::string(doing) + ": it " + is);
}

Result<> Lifecycle::started() {
  TRY(expect(State::kCreating, "started"));
  state_ = State::kRunning;
  return {};
}

Result<> Lifecycle::pause() {
  TRY(expect(State::kRunning, "paused"));
  state_ = State::kPaused;
  return {};
}

Result<> Lifecycle::resume(WallTime now) {
  TRY(expect(State::kPaused, "resumed"));
  state_ = State::kRunning;
  use(now);
  return {};
}

void Lifecycle::use(WallTime now) {
  if (!is_ended()) last_used_ = std::max(last_used_, now);
}

Result<> Lifecycle::change_lifespan(WallTime now, const LifespanChange& change) {
  if (is_ended()) return expect(State::kRunning, "given more time");
  if (const auto end = due(); end && *end <= now)
    return Error(Code::kConflict, "the sandbox cannot be given more time: it has just expired");
  if (change.ttl) {
    lifespan_.ttl = *change.ttl;
    expires_at_.reset();
    if (lifespan_.ttl) expires_at_ = now + *lifespan_.ttl;
  }
  if (change.idle) lifespan_.idle = *change.idle;
  use(now);
  return {};
}

bool Lifecycle::end(EndReason reason) {
  if (is_ended()) return false;
  state_ = State::kEnded;
  reason_ = reason;
  return true;
}

}  // namespace brig::sandboxes
