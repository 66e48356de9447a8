#include "api/e2b/lives.h"

#include <algorithm>

#include "async/timer.h"

namespace brig::api::e2b {
namespace {

/// The wall clock may have been set: it is looked at that often.
constexpr Milliseconds kWatchMost{60'000};

}  // namespace

Life unknown_life() { return {.network = {.is_public = false}}; }

void Lives::begin(std::shared_ptr<sandboxes::Sandbox> sandbox, Life life) {
  forget_ended();
  const std::string id = sandbox->spec().id;
  const auto timeout = life.timeout;
  const bool is_known = lives_.contains(id);
  Entry& entry = lives_[id];
  entry.life = std::move(life);
  entry.sandbox = sandbox;
  if (!entry.changed) entry.changed = std::make_shared<Notifier>(executor_);
  if (entry.life.pauses) entry.life.pause_at = clock_() + timeout;
  if (!is_known) tasks_.spawn(watch(id));
}

Life* Lives::find(std::string_view id) {
  const auto found = lives_.find(id);
  return found == lives_.end() ? nullptr : &found->second.life;
}

Life Lives::of(const sandboxes::Sandbox& sandbox) {
  const Life* life = find(sandbox.spec().id);
  return life != nullptr ? *life : unknown_life();
}

Life& Lives::begun(const std::shared_ptr<sandboxes::Sandbox>& sandbox) {
  const std::string& id = sandbox->spec().id;
  if (find(id) == nullptr) begin(sandbox, unknown_life());
  return *find(id);
}

std::vector<std::string> Lives::ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : lives_) {
    const auto sandbox = entry.sandbox.lock();
    if (sandbox && !sandbox->life().is_ended()) ids.push_back(id);
  }
  return ids;
}

void Lives::forget_ended() {
  std::erase_if(lives_, [](auto& item) {
    const auto sandbox = item.second.sandbox.lock();
    if (sandbox && !sandbox->life().is_ended()) return false;
    item.second.changed->notify();  // its watcher ends
    return true;
  });
}

Milliseconds Lives::ttl_of(const Life& life) const {
  return life.pauses ? sandboxes_.options().ttl_most : life.timeout;
}

std::optional<WallTime> Lives::end_of(const sandboxes::Sandbox& sandbox) {
  const Life* life = find(sandbox.spec().id);
  if (life != nullptr && life->pause_at) return life->pause_at;
  return sandbox.life().expires_at();
}

Task<> Lives::set_timeout(std::shared_ptr<sandboxes::Sandbox> sandbox, Milliseconds timeout, bool is_extending) {
  CO_TRY_VOID(sandboxes::expect_ttl(sandboxes_.options(), timeout));
  const std::string id = sandbox->spec().id;
  const WallTime end = clock_() + timeout;
  const auto now = end_of(*sandbox);
  if (is_extending && (!now || end <= *now)) co_return Result<>();
  const auto found = lives_.find(id);
  const bool pauses = found != lives_.end() && found->second.life.pauses;
  const Milliseconds ttl = pauses ? sandboxes_.options().ttl_most : timeout;
  const auto changed = co_await sandboxes_.change_lifespan(sandbox, {.ttl = std::optional(ttl), .idle = {}});
  // One whose time is over at once may have ended before the kernel was told of it.
  if (!changed && timeout.count() == 0 && sandbox->life().is_ended()) co_return Result<>();
  if (!changed) co_return changed;
  const auto entry = lives_.find(id);  // it may have gone meanwhile
  if (entry == lives_.end()) co_return Result<>();
  entry->second.life.timeout = timeout;
  if (pauses) entry->second.life.pause_at = end;
  entry->second.changed->notify();
  co_return Result<>();
}

Task<> Lives::pause(std::shared_ptr<sandboxes::Sandbox> sandbox) {
  const std::string id = sandbox->spec().id;
  CO_TRY_VOID(co_await sandboxes_.pause(sandbox));
  if (Life* life = find(id)) life->pause_at.reset();
  // A paused one does not end when its time is over.
  co_return co_await sandboxes_.change_lifespan(sandbox,
                                                {.ttl = std::optional(sandboxes_.options().ttl_most), .idle = {}});
}

Task<> Lives::resume(std::shared_ptr<sandboxes::Sandbox> sandbox, Milliseconds timeout) {
  CO_TRY_VOID(sandboxes::expect_ttl(sandboxes_.options(), timeout));
  CO_TRY_VOID(co_await sandboxes_.resume(sandbox));
  co_return co_await set_timeout(std::move(sandbox), timeout, false);
}

/// Pauses it whenever its time is over, until it has ended.
Task<> Lives::watch(std::string id) {
  using namespace asio::experimental::awaitable_operators;
  while (true) {
    const auto found = lives_.find(id);
    if (found == lives_.end()) co_return Result<>();
    const auto changed = found->second.changed;
    const auto sandbox = found->second.sandbox.lock();
    if (!sandbox || sandbox->life().is_ended()) co_return Result<>();
    const auto at = found->second.life.pause_at;
    if (!at || sandbox->life().state() != sandboxes::State::kRunning) {
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
    // What cannot be stopped has had its time all the same.
    if (const auto paused = co_await pause(sandbox); !paused && !sandbox->life().is_ended())
      (void)co_await sandboxes_.kill(sandbox,
                                     "its time was over and it could not be paused: " + paused.error().message());
  }
}

}  // namespace brig::api::e2b
