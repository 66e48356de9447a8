#include "api/e2b/watchers.h"

#include <algorithm>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "async/timer.h"

namespace brig::api::e2b {

struct Watchers::One {
  One(const asio::any_io_executor& executor, std::string owner, Watched watched)
      : owner(std::move(owner)), watched(std::move(watched)), changed(executor) {}

  std::string owner;  ///< the key's id
  Watched watched;
  std::vector<guest::FileChange> changes;
  std::size_t bytes = 0;  ///< of their names
  std::chrono::steady_clock::time_point polled = std::chrono::steady_clock::now();
  std::optional<Error> error;  ///< what ended it, until somebody was told
  bool is_removed = false;     ///< or not polled for too long
  bool is_over = false;        ///< nothing more comes
  Notifier changed;            ///< polled, or removed
};

/// Until the watched folder is gone, or the watch fails.
Task<> Watchers::collect(std::shared_ptr<One> one, std::shared_ptr<guest::Watcher> watcher) {
  while (true) {
    while (one->changes.size() >= kWaitingMax || one->bytes >= kWaitingBytesMax)
      CO_TRY_VOID(co_await one->changed.wait());
    CO_TRY(auto change, co_await watcher->next());
    if (!change) co_return Result<>();
    one->bytes += change->path.size() + change->from.size();
    one->changes.push_back(*std::move(change));
  }
}

/// Until it has ended, was removed or forgotten; then the watch ends as well.
Task<> Watchers::tend(std::shared_ptr<One> one, std::unique_ptr<guest::Watcher> watcher, Milliseconds patience) {
  using namespace asio::experimental::awaitable_operators;
  const auto forgotten = [](std::shared_ptr<One> which, Milliseconds limit) -> Task<> {
    while (!which->is_removed) {
      const auto silent = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - which->polled);
      if (silent >= limit) which->is_removed = true;
      else (void)co_await (which->changed.wait() || sleep(limit - silent));
    }
    co_return Result<>();
  };
  auto first = co_await (collect(one, std::move(watcher)) || forgotten(one, patience));
  one->is_over = true;
  if (first.index() == 1) co_return Result<>();
  if (!std::get<0>(first)) one->error = std::get<0>(first).error();
  co_return co_await forgotten(one, patience);
}

/// Those that were removed, or that nobody has asked for, for too long.
void Watchers::forget_over() {
  std::erase_if(watchers_, [](const auto& entry) { return entry.second->is_removed; });
}

Result<std::string> Watchers::add(std::string sandbox_id, std::string owner, std::unique_ptr<guest::Watcher> watcher,
                                  Watched watched) {
  forget_over();
  std::size_t of_sandbox = 0;
  std::size_t of_owner = 0;  // those of sandboxes that have ended too, until they are forgotten
  for (const auto& [key, one] : watchers_) {
    if (key.first == sandbox_id) ++of_sandbox;
    if (one->owner == owner) ++of_owner;
  }
  if (of_sandbox >= kOfSandboxMax || of_owner >= kOfOwnerMax || watchers_.size() >= kAllMax)
    return Error(Code::kExhausted, "there are as many watchers as there may be; remove one first");
  auto one = std::make_shared<One>(executor_, std::move(owner), std::move(watched));
  std::string name = "watcher-" + std::to_string(next_++);
  watchers_.emplace(Key(std::move(sandbox_id), name), one);
  tasks_.spawn(tend(one, std::move(watcher), patience_));
  return name;
}

Result<Watchers::Polled> Watchers::poll(std::string_view sandbox_id, std::string_view name) {
  forget_over();
  const auto found = watchers_.find(Key(sandbox_id, name));
  if (found == watchers_.end()) return Error(Code::kNotFound, "watcher with id " + std::string(name) + " not found");
  One& one = *found->second;
  one.polled = std::chrono::steady_clock::now();
  if (one.changes.empty() && one.is_over) {
    const auto error = one.error;
    watchers_.erase(found);
    if (error) return *error;
    return Error(Code::kNotFound, "watcher with id " + std::string(name) + " not found: the watched folder is gone");
  }
  Polled polled{.watched = one.watched, .changes = std::exchange(one.changes, {})};
  one.bytes = 0;
  one.changed.notify();
  return polled;
}

Result<> Watchers::remove(std::string_view sandbox_id, std::string_view name) {
  const auto found = watchers_.find(Key(sandbox_id, name));
  if (found == watchers_.end()) return Error(Code::kNotFound, "watcher with id " + std::string(name) + " not found");
  found->second->is_removed = true;
  found->second->changed.notify();
  watchers_.erase(found);
  return {};
}

}  // namespace brig::api::e2b
