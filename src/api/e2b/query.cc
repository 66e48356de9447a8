#include "api/e2b/query.h"

#include <chrono>

#include "api/common/body.h"
#include "base/base64.h"
#include "base/number.h"
#include "store/ids.h"

namespace brig::api::e2b {
namespace {

constexpr std::size_t kTimeMost = 40;
constexpr std::size_t kCursorMost = 128;

/// Cuts a number of exactly `digits` digits off `text`.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  const auto number = whole_number<unsigned>(text.substr(0, digits));
  if (!number) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<int>(*number);
}

bool take(std::string_view& text, char letter) {
  if (text.empty() || text.front() != letter) return false;
  text.remove_prefix(1);
  return true;
}

struct Clock {
  int hour = 0;
  int minute = 0;
};

std::optional<Clock> take_clock(std::string_view& text) {
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  return Clock{.hour = *hour, .minute = *minute};
}

std::optional<std::chrono::sys_days> take_day(std::string_view& text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

std::optional<Milliseconds> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return Milliseconds{0};
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0) return std::nullopt;
  std::string milliseconds(text.substr(0, std::min<std::size_t>(digits, 3)));
  milliseconds.resize(3, '0');
  text.remove_prefix(digits);
  return Milliseconds(std::stoi(milliseconds));
}

std::optional<WallTime> read_time(std::string_view text) {
  const auto day = take_day(text);
  if (!day || !(take(text, 'T') || take(text, 't') || take(text, ' '))) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock || !take(text, ':')) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *second > 60) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  std::chrono::minutes offset{0};
  if (!take(text, 'Z') && !take(text, 'z')) {
    const bool is_behind = text.starts_with('-');
    if (!take(text, '-') && !take(text, '+')) return std::nullopt;
    const auto zone = take_clock(text);
    if (!zone) return std::nullopt;
    offset = std::chrono::hours(zone->hour) + std::chrono::minutes(zone->minute);
    if (is_behind) offset = -offset;
  }
  if (!text.empty()) return std::nullopt;
  return WallTime(*day) + std::chrono::hours(clock->hour) + std::chrono::minutes(clock->minute) +
         std::chrono::seconds(*second) + *fraction - offset;
}

/// Encoded twice: once as a part of a query, once before.
Result<std::string> decode_twice(std::string_view text) {
  return http::percent_decode(TRY(http::percent_decode(text, http::Plus::kBlank)));
}

Result<> read_states(std::string_view text, ListQuery& query) {
  query.wants_running = query.wants_paused = false;
  while (true) {
    const auto comma = std::min(text.find(','), text.size());
    const std::string_view word = text.substr(0, comma);
    if (word == "running") query.wants_running = true;
    else if (word == "paused") query.wants_paused = true;
    else return Error(Code::kInvalidArgument, "state: running, paused or both are expected");
    if (comma == text.size()) return {};
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<WallTime> parse_time(std::string_view text) {
  const auto time = text.size() <= kTimeMost ? read_time(text) : std::nullopt;
  if (!time) return Error(Code::kInvalidArgument, "a time as \"2026-11-29T15:00:00.123Z\" is expected");
  return *time;
}

Result<std::vector<policy::Variable>> parse_metadata_filter(std::string_view text) {
  std::vector<policy::Variable> pairs;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const auto split = std::min(pair.find('='), pair.size());
    const std::string_view value = split < pair.size() ? pair.substr(split + 1) : std::string_view();
    pairs.push_back({.name = TRY(decode_twice(pair.substr(0, split)).context("metadata")),
                     .value = TRY(decode_twice(value).context("metadata"))});
    if (pairs.size() > kMetadataMax)
      return Error(Code::kInvalidArgument, "metadata: at most " + std::to_string(kMetadataMax) + " names");
  }
  return pairs;
}

std::string write_cursor(const Place& place, bool is_ascending) {
  const std::string text =
      std::to_string(milliseconds_since_1970(place.at)) + "__" + place.id + (is_ascending ? "__asc" : "");
  std::string base64 = to_base64(text);
  for (char& letter : base64) letter = letter == '+' ? '-' : letter == '/' ? '_' : letter;
  while (base64.ends_with('=')) base64.pop_back();
  return base64;
}

Result<Place> read_cursor(std::string_view text, bool is_ascending) {
  const Error bad(Code::kInvalidArgument, "nextToken: this is none of this list");
  if (text.size() > kCursorMost) return bad;
  std::string base64(text);
  for (char& letter : base64) letter = letter == '-' ? '+' : letter == '_' ? '/' : letter;
  base64.resize((base64.size() + 3) / 4 * 4, '=');
  const auto plain = from_base64(base64);
  if (!plain) return bad;
  std::string_view rest = *plain;
  if (rest.ends_with("__asc") != is_ascending) return bad;
  if (is_ascending) rest.remove_suffix(5);
  const auto split = rest.find("__");
  if (split == std::string_view::npos || split > 15) return bad;
  const auto milliseconds = whole_number<std::uint64_t>(rest.substr(0, split));
  const std::string_view id = rest.substr(split + 2);
  if (!milliseconds || !store::is_id(id)) return bad;
  return Place{.at = wall_time(static_cast<std::int64_t>(*milliseconds)), .id = std::string(id)};
}

Result<ListQuery> read_list(const http::Target& target) {
  ListQuery query;
  if (const std::string* states = target.find("state"); states != nullptr && !states->empty())
    TRY(read_states(*states, query));
  if (const std::string* order = target.find("order")) {
    if (*order != "asc" && *order != "desc") return Error(Code::kInvalidArgument, "order: asc or desc is expected");
    query.is_ascending = *order == "asc";
  }
  if (const std::string* limit = target.find("limit")) {
    const auto number = whole_number<std::uint32_t>(*limit);
    if (!number || *number < 1 || *number > kPageMost)
      return Error(Code::kInvalidArgument, "limit: a number from 1 to " + std::to_string(kPageMost) + " is expected");
    query.limit = *number;
  }
  if (const std::string* metadata = target.find("metadata")) query.metadata = TRY(parse_metadata_filter(*metadata));
  if (const std::string* since = target.find("startedAfter"))
    query.started_since = TRY(parse_time(*since).context("startedAfter"));
  if (const std::string* name = target.find("template")) query.template_id = *name;
  if (const std::string* token = target.find("nextToken"); token != nullptr && !token->empty())
    query.after = TRY(read_cursor(*token, query.is_ascending));
  return query;
}

}  // namespace brig::api::e2b
