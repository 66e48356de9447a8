#pragma once
/// What the queries of E2B's lists say, and the pages they are cut into. Pure; every text is a client's.
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/wall_time.h"
#include "http/target.h"
#include "policy/policy.h"

namespace brig::api::e2b {

/// "2026-11-29T15:00:00[.123456]Z" or with an offset "+01:00"; finer than a millisecond is cut off.
Result<WallTime> parse_time(std::string_view text);

/// "name=value&…" whose names and values are encoded once more. Bounded like a sandbox's own metadata.
Result<std::vector<policy::Variable>> parse_metadata_filter(std::string_view text);

/// Where a page of a list by time ends.
struct Place {
  WallTime at;
  std::string id;
  auto operator<=>(const Place&) const = default;
};
/// Opaque to clients. A cursor of an ascending list is none of a descending one.
std::string write_cursor(const Place& place, bool is_ascending);
Result<Place> read_cursor(std::string_view text, bool is_ascending);

inline constexpr std::size_t kPageMost = 100;

struct ListQuery {
  bool wants_running = true;
  bool wants_paused = true;
  bool is_ascending = false;
  std::size_t limit = kPageMost;
  std::vector<policy::Variable> metadata;
  std::optional<WallTime> started_since;  ///< this moment or later
  std::string template_id;                ///< empty: any
  std::optional<Place> after;
};
/// GET /v2/sandboxes.
Result<ListQuery> read_list(const http::Target& target);

/// The part of `sorted` (by `place_of`, in the query's order) behind query.after, at most query.limit, and the cursor
/// of the next page if there is more.
template <class T, class PlaceOf>
std::optional<std::string> cut_page(std::vector<T>& sorted, const ListQuery& query, PlaceOf place_of) {
  if (query.after) {
    std::erase_if(sorted, [&](const T& one) {
      const Place place = place_of(one);
      return query.is_ascending ? place <= *query.after : place >= *query.after;
    });
  }
  if (sorted.size() <= query.limit) return std::nullopt;
  sorted.resize(query.limit);
  return write_cursor(place_of(sorted.back()), query.is_ascending);
}

}  // namespace brig::api::e2b
