#pragma once
/// Pools: the prepared cells of all kinds, within one budget of memory.
///
/// What is kept (the daemon's default, and templates that are named) is prepared from the start. Any other kind gets a
/// pool when it is asked for a second time, which grows by one with each request up to its template's size and goes
/// when nobody has asked for a while. Memory is what prepared cells were measured to take: nothing of a guest's runs in
/// them, so what their limits promise cannot be used before they are taken. When the budget is used up, the pool that
/// was least recently asked gives up a cell for one that was asked later.
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "async/task_group.h"
#include "sandboxes/pool.h"

namespace brig::sandboxes {

/// A sandbox with less memory gets no zygote, which takes some 70 MB of its own.
inline constexpr Bytes kWarmLeast = mebibytes(192);

struct PoolLimits {
  std::size_t size = 4;                          ///< cells of each kind; 0 = none are prepared
  std::map<std::string, std::size_t> templates;  ///< sizes of theirs, instead
  Bytes memory = mebibytes(256);                 ///< of all prepared cells together
  /// Those of these templates have a zygote each, unless a cell has less memory than kWarmLeast.
  std::set<std::string> warm;
  Milliseconds idle{600'000};  ///< a pool that is not kept goes when nobody asked for so long
  [[nodiscard]] std::size_t size_of(const std::string& template_name) const;
};

/// Of one wall and template: of all their kinds together.
struct PoolFigures {
  std::string runtime;
  std::string template_name;
  std::size_t wanted = 0;
  std::size_t ready = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t failures = 0;
  Bytes memory;
};

class Pools {
 public:
  /// Pools at once; the one that was least recently asked and is not kept goes first.
  static constexpr std::size_t kMost = 64;

  /// The zygote that suits contexts in cells of a template, from what that is when they are taken.
  using Warmth = std::function<ZygoteSpec(const CellKind& kind)>;

  Pools(PoolLimits limits, asio::any_io_executor executor, std::function<std::string()> make_id, Warmth warmth,
        std::function<void(const Error&)> on_failure);
  Pools(const Pools&) = delete;
  Pools& operator=(const Pools&) = delete;
  ~Pools() = default;

  /// Prepares cells of this kind from now on, as many as its template's size.
  void keep(CellKind kind);
  /// One that fits, or none: then the caller makes its own.
  std::optional<PreparedCell> take(const CellKind& kind);
  [[nodiscard]] std::vector<PoolFigures> figures() const;
  [[nodiscard]] Bytes memory() const;
  [[nodiscard]] const PoolLimits& limits() const { return limits_; }
  /// Ends every prepared cell. Nothing is prepared any more.
  Task<> stop();

 private:
  struct Entry {
    Pool pool;
    bool is_kept = false;
    Entry(CellKind kind, const std::shared_ptr<const Pool::Services>& services, bool kept)
        : pool(std::move(kind), services), is_kept(kept) {}
  };
  struct Counts {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t failures = 0;  ///< of pools that are gone
  };
  using Name = std::pair<std::string, std::string>;  ///< wall and template

  Entry* find(const CellKind& kind);
  Entry* open(const CellKind& kind, bool is_kept);
  void close(std::list<Entry>::iterator entry);
  bool make_room(const Pool& pool);
  void let_go(PreparedCell prepared);
  bool has_been_asked(const CellKind& kind);
  Entry* renew(const CellKind& kind);
  Task<> close_idle();

  PoolLimits limits_;
  std::shared_ptr<const Pool::Services> services_;
  std::map<Name, Counts> counts_;
  std::deque<CellKind> asked_;  ///< kinds without a pool that were asked for once, lately
  std::list<Entry> entries_;
  bool is_stopped_ = false;
  TaskGroup tasks_;
};

}  // namespace brig::sandboxes
