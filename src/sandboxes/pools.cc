#include "sandboxes/pools.h"

#include <algorithm>
#include <utility>

#include "async/timer.h"

namespace brig::sandboxes {
namespace {

/// Kinds that are remembered to have been asked for once.
constexpr std::size_t kAskedMost = 64;
/// Names of templates and walls that are counted by themselves.
constexpr std::size_t kNamesMost = 128;
constexpr Milliseconds kDestroyLimit{10'000};

std::pair<std::string, std::string> name_of(const CellKind& kind) {
  return {std::string(kind.runtime->name()), kind.root.name};
}

Task<> destroy(PreparedCell prepared) {
  CO_TRY_VOID(co_await with_timeout(kDestroyLimit, prepared.cell->destroy(), "removing a prepared sandbox"));
  co_return Result<>();
}

}  // namespace

std::size_t PoolLimits::size_of(const std::string& template_name) const {
  const auto own = templates.find(template_name);
  return own == templates.end() ? size : own->second;
}

Pools::Pools(PoolLimits limits, asio::any_io_executor executor, std::function<std::string()> make_id, Warmth warmth,
             std::function<void(const Error&)> on_failure)
    : limits_(std::move(limits)),
      services_(std::make_shared<const Pool::Services>(Pool::Services{
          .executor = executor,
          .make_id = std::move(make_id),
          .on_failure = std::move(on_failure),
          .has_room = [this](const Pool& pool) { return make_room(pool); },
          .warmth = [this, warmth = std::move(warmth)](const CellKind& kind) -> std::optional<ZygoteSpec> {
            const bool is_warm = limits_.warm.contains(kind.root.name) && kind.policy.limits.memory >= kWarmLeast;
            return is_warm ? std::optional(warmth(kind)) : std::nullopt;
          },
          .let_go = [this](PreparedCell prepared) { let_go(std::move(prepared)); },
          .on_room =
              [this] {
                for (Entry& entry : entries_) entry.pool.wake();
              }})),
      tasks_(executor) {
  tasks_.spawn(close_idle());
}

Pools::Entry* Pools::find(const CellKind& kind) {
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) { return entry.pool.kind() == kind; });
  return found == entries_.end() ? nullptr : &*found;
}

Pools::Entry* Pools::open(const CellKind& kind, bool is_kept) {
  if (entries_.size() >= kMost) {
    auto oldest = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      const bool is_older = oldest == entries_.end() || at->pool.last_asked() < oldest->pool.last_asked();
      if (!at->is_kept && is_older) oldest = at;
    }
    if (oldest == entries_.end()) return nullptr;
    close(oldest);
  }
  return &entries_.emplace_back(kind, services_, is_kept);
}

void Pools::let_go(PreparedCell prepared) {
  if (!is_stopped_) tasks_.spawn(destroy(std::move(prepared)));  // else its destructor ends it
}

void Pools::close(std::list<Entry>::iterator entry) {
  counts_[name_of(entry->pool.kind())].failures += entry->pool.failures();
  entry->pool.want(0);
  entries_.erase(entry);
  services_->on_room();
}

void Pools::keep(CellKind kind) {
  const std::size_t size = limits_.size_of(kind.root.name);
  if (size == 0 || is_stopped_) return;
  counts_.try_emplace(name_of(kind));
  Entry* entry = find(kind);
  if (entry == nullptr) entry = open(kind, true);
  if (entry == nullptr) return;
  entry->is_kept = true;
  entry->pool.want(size);
}

/// A template that was made again takes the place of what is kept of it; none if nothing was.
Pools::Entry* Pools::renew(const CellKind& kind) {
  const auto older = std::ranges::find_if(entries_, [&](const Entry& entry) {
    CellKind same = entry.pool.kind();
    const bool is_of_this = same.root.name == kind.root.name;
    same.root = kind.root;
    return entry.is_kept && is_of_this && same == kind;
  });
  if (older == entries_.end()) return nullptr;
  close(older);
  keep(kind);
  return find(kind);
}

/// Whether it was before; from now on it has.
bool Pools::has_been_asked(const CellKind& kind) {
  const auto found = std::ranges::find(asked_, kind);
  if (found != asked_.end()) {
    asked_.erase(found);
    return true;
  }
  asked_.push_back(kind);
  if (asked_.size() > kAskedMost) asked_.pop_front();
  return false;
}

std::optional<PreparedCell> Pools::take(const CellKind& kind) {
  const std::size_t size = limits_.size_of(kind.root.name);
  if (size == 0 || is_stopped_) return {};
  const auto name = name_of(kind);
  Counts& counts =
      counts_.size() < kNamesMost || counts_.contains(name) ? counts_[name] : counts_[{name.first, "other"}];
  Entry* entry = find(kind);
  if (entry == nullptr) entry = renew(kind);
  std::optional<PreparedCell> taken;
  if (entry != nullptr) taken = entry->pool.take();
  ++(taken ? counts.hits : counts.misses);
  if (entry == nullptr && has_been_asked(kind)) entry = open(kind, false);
  if (entry == nullptr) return taken;
  entry->pool.note_asked();
  if (entry->pool.wanted() < size) entry->pool.want(entry->pool.wanted() + 1);
  return taken;
}

Bytes Pools::memory() const {
  Bytes sum;
  for (const Entry& entry : entries_) sum.count += entry.pool.memory().count;
  return sum;
}

/// What pools that were asked later still need is kept free for them. Takes cells from the pools that were asked before
/// `pool` was, the longest ago first, until there is room or nobody has one.
bool Pools::make_room(const Pool& pool) {
  std::uint64_t needed = pool.expected().count;
  for (const Entry& entry : entries_) {
    if (entry.pool.last_asked() > pool.last_asked()) needed += entry.pool.missing().count;
  }
  while (memory().count + needed > limits_.memory.count) {
    Pool* oldest = nullptr;
    for (Entry& entry : entries_) {
      Pool& other = entry.pool;
      const bool may_give = &other != &pool && other.ready() > 0 && other.last_asked() < pool.last_asked();
      if (may_give && (oldest == nullptr || other.last_asked() < oldest->last_asked())) oldest = &other;
    }
    if (oldest == nullptr) return false;
    oldest->give_up_one();
  }
  return true;
}

Task<> Pools::close_idle() {
  while (true) {
    CO_TRY_VOID(co_await sleep(std::max(limits_.idle / 8, Milliseconds{10})));
    const auto since = Pool::Clock::now() - limits_.idle;
    for (auto at = entries_.begin(); at != entries_.end();) {
      const auto entry = at++;
      if (!entry->is_kept && entry->pool.last_asked() < since) close(entry);
    }
  }
}

std::vector<PoolFigures> Pools::figures() const {
  std::vector<PoolFigures> all;
  for (const auto& [name, counts] : counts_) {
    PoolFigures figures{.runtime = name.first,
                        .template_name = name.second,
                        .hits = counts.hits,
                        .misses = counts.misses,
                        .failures = counts.failures,
                        .memory = {}};
    for (const Entry& entry : entries_) {
      if (name_of(entry.pool.kind()) != name) continue;
      figures.wanted += entry.pool.wanted();
      figures.ready += entry.pool.ready();
      figures.failures += entry.pool.failures();
      figures.memory.count += entry.pool.memory().count;
    }
    all.push_back(std::move(figures));
  }
  return all;
}

Task<> Pools::stop() {
  is_stopped_ = true;
  tasks_.cancel();
  for (Entry& entry : entries_) CO_TRY_VOID(co_await entry.pool.stop());
  co_return Result<>();
}

}  // namespace brig::sandboxes
