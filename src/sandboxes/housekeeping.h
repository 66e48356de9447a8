#pragma once
/// Housekeeping: what the store need not remember any longer, removed a little at a time.
#include <cstdint>
#include <functional>

#include "async/task.h"
#include "store/store.h"

namespace brig::sandboxes {

struct Retention {
  Milliseconds ended{7LL * 24 * 3'600'000};  ///< sandboxes that ended before that
  std::int64_t ended_most = 10'000;          ///< and all but the newest of them
  Milliseconds answers{24LL * 3'600'000};    ///< answers to requests with an Idempotency-Key
  Milliseconds events{7LL * 24 * 3'600'000};
  std::int64_t events_most = 100'000;
};

struct Removed {
  std::int64_t sandboxes = 0;
  std::int64_t answers = 0;
  std::int64_t events = 0;
  bool is_all = true;  ///< false: there may be more
};

/// One step, of a millisecond or so.
Result<Removed> tidy(store::Store& store, WallTime now, const Retention& retention);

/// Until it is cancelled. `on_failure` hears of the first of several failures in a row.
Task<> keep_house(store::Store& store, WallClock clock, Retention retention,
                  std::function<void(const Error&)> on_failure);

}  // namespace brig::sandboxes
