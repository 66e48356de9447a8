#include "sandboxes/housekeeping.h"

#include "async/timer.h"

namespace brig::sandboxes {
namespace {

constexpr std::int64_t kSandboxesAStep = 25;
constexpr std::int64_t kAnswersAStep = 50;
constexpr std::int64_t kEventsAStep = 100;
/// Between steps while there is more, and while there is nothing.
constexpr Milliseconds kBusyPause{20};
constexpr Milliseconds kIdlePause{10'000};

}  // namespace

Result<Removed> tidy(store::Store& store, WallTime now, const Retention& retention) {
  Removed removed;
  removed.sandboxes = TRY(store.sandboxes().prune(now - retention.ended, retention.ended_most, kSandboxesAStep));
  removed.answers = TRY(store.answers().prune(now - retention.answers, kAnswersAStep));
  removed.events = TRY(store.events().prune(now - retention.events, retention.events_most, kEventsAStep));
  removed.is_all =
      removed.sandboxes < kSandboxesAStep && removed.answers < kAnswersAStep && removed.events < kEventsAStep;
  return removed;
}

Task<> keep_house(store::Store& store, WallClock clock, Retention retention,
                  std::function<void(const Error&)> on_failure) {
  bool was_good = true;
  while (true) {
    const auto removed = tidy(store, clock(), retention);
    if (!removed && was_good) on_failure(removed.error());
    was_good = removed.has_value();
    CO_TRY_VOID(co_await sleep(removed && !removed->is_all ? kBusyPause : kIdlePause));
  }
}

}  // namespace brig::sandboxes
