#include "sandboxes/timed_pauses.h"

#include <algorithm>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "async/timer.h"

namespace brig::sandboxes {
namespace {

/// The wall clock may have been set: it is looked at that often.
constexpr Milliseconds kWatchMost{60'000};

}  // namespace

Lifespan TimedPauses::lifespan_of(Milliseconds time, bool pauses) const {
  return {.ttl = pauses ? sandboxes_.options().ttl_most : time, .idle = {}};
}

void TimedPauses::begin(std::shared_ptr<Sandbox> sandbox, Milliseconds time) {
  forget_ended();
  const std::string id = sandbox->spec().id;
  const bool is_known = entries_.contains(id);
  Entry& entry = entries_[id];
  entry.sandbox = sandbox;
  entry.at = clock_() + time;
  if (!entry.changed) entry.changed = std::make_shared<Notifier>(executor_);
  if (is_known) entry.changed->notify();
  else tasks_.spawn(watch(id));
}

TimedPauses::Entry* TimedPauses::find(const Sandbox& sandbox) {
  const auto found = entries_.find(sandbox.spec().id);
  return found == entries_.end() ? nullptr : &found->second;
}

void TimedPauses::forget_ended() {
  std::erase_if(entries_, [](auto& item) {
    const auto sandbox = item.second.sandbox.lock();
    if (sandbox && !sandbox->life().is_ended()) return false;
    item.second.changed->notify();  // its watcher ends
    return true;
  });
}

std::optional<WallTime> TimedPauses::end_of(const Sandbox& sandbox) const {
  const auto found = entries_.find(sandbox.spec().id);
  if (found != entries_.end() && found->second.at) return found->second.at;
  return sandbox.life().expires_at();
}

Task<bool> TimedPauses::set_time(std::shared_ptr<Sandbox> sandbox, Milliseconds time, bool is_extending) {
  CO_TRY_VOID(expect_ttl(sandboxes_.options(), time));
  const WallTime end = clock_() + time;
  const auto now = end_of(*sandbox);
  if (is_extending && (!now || end <= *now)) co_return false;
  const Lifespan lifespan = lifespan_of(time, find(*sandbox) != nullptr);
  const auto changed = co_await sandboxes_.change_lifespan(sandbox, {.ttl = lifespan.ttl, .idle = {}});
  // One whose time is over at once may have ended before the kernel was told of it.
  if (!changed && time.count() == 0 && sandbox->life().is_ended()) co_return false;
  if (!changed) co_return changed.error();
  if (Entry* entry = find(*sandbox)) {  // it may have gone meanwhile
    entry->at = end;
    entry->changed->notify();
  }
  co_return true;
}

Task<> TimedPauses::pause(std::shared_ptr<Sandbox> sandbox) {
  CO_TRY_VOID(co_await sandboxes_.pause(sandbox));
  if (Entry* entry = find(*sandbox)) entry->at.reset();
  co_return co_await sandboxes_.change_lifespan(sandbox,
                                                {.ttl = std::optional(sandboxes_.options().ttl_most), .idle = {}});
}

Task<> TimedPauses::resume(std::shared_ptr<Sandbox> sandbox, Milliseconds time) {
  CO_TRY_VOID(expect_ttl(sandboxes_.options(), time));
  CO_TRY_VOID(co_await sandboxes_.resume(sandbox));
  CO_TRY_VOID(co_await set_time(std::move(sandbox), time, false));
  co_return Result<>();
}

/// Pauses it whenever its time is over, until it has ended.
Task<> TimedPauses::watch(std::string id) {
  using namespace asio::experimental::awaitable_operators;
  while (true) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) co_return Result<>();
    const auto changed = found->second.changed;
    const auto sandbox = found->second.sandbox.lock();
    if (!sandbox || sandbox->life().is_ended()) co_return Result<>();
    const auto at = found->second.at;
    if (!at || sandbox->life().state() != State::kRunning) {
      CO_TRY_VOID(co_await changed->wait());
      continue;
    }
    const WallTime now = clock_();
    if (now < *at) {
      auto woken = co_await (sleep(std::min(kWatchMost, *at - now)) || changed->wait());
      if (woken.index() == 0) CO_TRY_VOID(std::get<0>(std::move(woken)));
      else CO_TRY_VOID(std::get<1>(std::move(woken)));
      continue;
    }
    if (const auto paused = co_await pause(sandbox); !paused && !sandbox->life().is_ended())
      (void)co_await sandboxes_.kill(sandbox,
                                     "its time was over and it could not be paused: " + paused.error().message());
  }
}

}  // namespace brig::sandboxes
