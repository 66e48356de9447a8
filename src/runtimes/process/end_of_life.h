#pragma once
/// EndOfLife: ends this process by the kernel's hand (SIGKILL, which works also while it is stopped) some time after a
/// deadline that the process itself should have kept.
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <optional>

#include "base/result.h"
#include "runtimes/process/deadline.h"

namespace brig::runtimes::process {

/// The kernel removes the timer with the process.
class EndOfLife {
 public:
  /// `grace`: how long after the deadline the kernel ends what the polite way should have ended.
  explicit EndOfLife(Milliseconds grace) : grace_(grace) {}

  /// From now on; 0 = never. On failure the old deadline stays.
  Result<> set(Milliseconds lifetime) {
    if (!timer_.has_value() && lifetime.count() == 0) return {};
    if (!timer_.has_value()) {
      sigevent event{};
      event.sigev_notify = SIGEV_SIGNAL;
      event.sigev_signo = SIGKILL;
      timer_t timer = nullptr;
      if (::timer_create(CLOCK_BOOTTIME, &event, &timer) < 0) return Error::last_system("create the end-of-life timer");
      timer_ = timer;
    }
    const Milliseconds total = lifetime.count() == 0 ? Milliseconds(0) : lifetime + grace_;
    itimerspec when{};
    when.it_value.tv_sec = total.count() / 1000;
    when.it_value.tv_nsec = total.count() % 1000 * 1'000'000;
    if (::timer_settime(*timer_, 0, &when, nullptr) < 0) return Error::last_system("arm the end-of-life timer");
    deadline_ = deadline_after(lifetime);
    return {};
  }
  [[nodiscard]] bool is_over() const { return has_passed(deadline_); }
  /// What poll() may wait for: -1 = for ever.
  [[nodiscard]] int patience() const {
    if (!deadline_.has_value()) return -1;
    return static_cast<int>(std::clamp<std::int64_t>((*deadline_ - since_boot()).count(), 0, INT_MAX));
  }

 private:
  Milliseconds grace_;
  std::optional<timer_t> timer_;
  Deadline deadline_;
};

}  // namespace brig::runtimes::process
