#pragma once
/// Sessions: conversations of clients whose revision of the protocol has such (before 2026-07-28), and of `brig mcp`.
///
/// A session belongs to one key and has one sandbox of its own, made at first use and ended with it. There are at most
/// kSessionsMax of a key: then the one that was unused for longest goes, unless a call of it runs. One thread.
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "async/notifier.h"
#include "async/task.h"

namespace brig::api::mcp {

/// Of one key.
inline constexpr std::size_t kSessionsMax = 64;
/// Calls of one session that run at once.
inline constexpr std::size_t kCallsMax = 64;
/// One that is unused for so long is forgotten. Its sandbox ends sooner, by its own idle time.
inline constexpr std::chrono::hours kSessionIdle{24};

/// A call that runs, and whoever may stop it.
class Call {
 public:
  explicit Call(const asio::any_io_executor& executor) : changed_(executor) {}
  void cancel() {
    is_cancelled_ = true;
    changed_.notify();
  }
  [[nodiscard]] bool is_cancelled() const { return is_cancelled_; }
  /// Suspends until it is.
  Task<> cancelled() {
    while (!is_cancelled_) CO_TRY_VOID(co_await changed_.wait());
    co_return Result<>();
  }

 private:
  bool is_cancelled_ = false;
  Notifier changed_;
};

struct Session {
  std::string id;
  std::string key_id;
  std::string revision;                                ///< what was agreed on
  std::string sandbox_id;                              ///< its own; empty before the first use. It may have ended
  std::map<std::string, std::shared_ptr<Call>> calls;  ///< that run, by the request's id as JSON
  std::chrono::steady_clock::time_point used_at;
  bool is_over = false;  ///< what is made for it from now on is for nobody
};

class Sessions {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  using OnEnd = std::function<void(const Session&)>;
  /// `on_end` hears of each that goes, however, but for end().
  explicit Sessions(
      OnEnd on_end, Clock clock = [] { return std::chrono::steady_clock::now(); })
      : on_end_(std::move(on_end)), clock_(std::move(clock)) {}

  /// kExhausted if the key has kSessionsMax and all of them work.
  Result<std::shared_ptr<Session>> open(std::string_view key_id, std::string_view revision);
  /// Counts as a use; null for another key's as well.
  std::shared_ptr<Session> find(std::string_view key_id, std::string_view id);
  /// Forgets it, and cancels what runs.
  void end(const std::shared_ptr<Session>& session);

 private:
  void sweep();
  void drop(std::list<std::shared_ptr<Session>>::iterator at);

  OnEnd on_end_;
  Clock clock_;
  std::list<std::shared_ptr<Session>> sessions_;  ///< the one unused for longest first
};

}  // namespace brig::api::mcp
