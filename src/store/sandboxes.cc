#include "store/sandboxes.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "store/string_map.h"

namespace brig::store {
namespace {

#define BRIG_SANDBOX_COLUMNS                                                                                     \
  "s.id, s.key_id, s.template, s.runtime, s.boundary, s.state, s.policy, s.metadata, s.envs, s.created_at, "     \
  "s.deadline, "                                                                                                 \
  "s.ttl_ms, s.idle_ms, s.last_active_at, s.persistent, s.parent_id, s.snapshot_id, s.fork_tree_id, s.boot_ms, " \
  "s.ended_at, s.end_reason, s.end_detail, s.epoch"

constexpr std::string_view kInsert =
    "INSERT INTO sandboxes (id, key_id, template, runtime, boundary, state, policy, metadata, envs, created_at, "
    "deadline, "
    "ttl_ms, idle_ms, last_active_at, persistent, parent_id, snapshot_id, fork_tree_id, boot_ms, ended_at, end_reason, "
    "end_detail, epoch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq";

Result<Sandbox> read_sandbox(Row& row) {
  Sandbox sandbox;
  sandbox.id = row.text();
  sandbox.key_id = row.text();
  sandbox.template_name = row.text();
  sandbox.runtime = row.text();
  sandbox.boundary = row.text();
  const auto state = parse_sandbox_state(row.text());
  if (!state.has_value()) return Error(Code::kInternal, "a record of the state database is damaged");
  sandbox.state = *state;
  sandbox.policy = row.text();
  sandbox.metadata = TRY(map_from_json(row.text()));
  sandbox.envs = TRY(map_from_json(row.text()));
  sandbox.created_at = row.time();
  sandbox.deadline = row.maybe_time();
  sandbox.ttl = row.maybe_duration();
  sandbox.idle = row.maybe_duration();
  sandbox.last_active_at = row.time();
  sandbox.is_persistent = row.integer() != 0;
  sandbox.parent_id = row.maybe_text();
  sandbox.snapshot_id = row.maybe_text();
  sandbox.fork_tree_id = row.maybe_text();
  sandbox.boot = row.maybe_duration();
  sandbox.ended_at = row.maybe_time();
  sandbox.end_reason = row.maybe_text();
  sandbox.end_detail = row.maybe_text();
  sandbox.epoch = row.integer();
  return sandbox;
}

/// The text of a list's query and the values of its parameters, built side by side.
struct Query {
  std::string sql;
  std::vector<std::variant<std::int64_t, std::string>> values;

  void where(std::string_view condition, std::variant<std::int64_t, std::string> value) {
    sql += " AND ";
    sql += condition;
    values.push_back(std::move(value));
  }
  void bind_to(Statement& statement) const {
    for (const auto& value : values) {
      std::visit([&](const auto& held) { statement.bind(held); }, value);
    }
  }
  /// Everything but the place: the same list has the same scope.
  [[nodiscard]] std::string scope() const {
    std::string text = sql;
    for (const auto& value : values) {
      const std::string shown = std::holds_alternative<std::string>(value) ? std::get<std::string>(value)
                                                                           : std::to_string(std::get<0>(value));
      text += '\0';
      text += std::to_string(shown.size());
      text += ':';
      text += shown;
    }
    return text;
  }
};

void add_metadata(Query& query, const SandboxFilter& filter) {
  for (std::size_t i = 0; i < filter.metadata.size(); ++i) {
    const auto& [name, value] = filter.metadata[i];
    if (i == 0) {  // drives the query: the joined table is walked in the order of pages
      query.where("m.name = ?", name);
      query.where("m.value = ?", value);
      if (filter.key_id.has_value()) query.where("m.key_id = ?", *filter.key_id);
      continue;
    }
    query.where(
        "EXISTS (SELECT 1 FROM sandbox_metadata e WHERE e.key_id = s.key_id AND e.created_at = s.created_at AND "
        "e.seq = s.seq AND e.name = ?",
        name);
    query.where("e.value = ?)", value);
  }
}

/// Where the rows come from. SQLite's planner knows no numbers, so it is told what is few: sandboxes with a certain
/// metadata value, and those that live.
std::string_view list_source(const SandboxFilter& filter, bool is_living_only) {
  // CROSS JOIN says which table comes first.
  if (!filter.metadata.empty()) return "sandbox_metadata m CROSS JOIN sandboxes s ON s.seq = m.seq";
  if (filter.fork_tree_id.has_value()) return "sandboxes s INDEXED BY sandboxes_by_tree";
  if (is_living_only) return "sandboxes s INDEXED BY sandboxes_live";
  return filter.key_id.has_value() ? "sandboxes s INDEXED BY sandboxes_by_key"
                                   : "sandboxes s INDEXED BY sandboxes_by_time";
}

Query list_query(const SandboxFilter& filter) {
  Query query;
  const bool has_metadata = !filter.metadata.empty();
  const bool is_living_only = !filter.states.empty() && std::ranges::none_of(filter.states, is_ended);
  query.sql = "SELECT s.seq, s.created_at, " BRIG_SANDBOX_COLUMNS " FROM ";
  query.sql += list_source(filter, is_living_only);
  query.sql += " WHERE TRUE";
  // Partial indexes serve only a query that repeats their condition.
  if (is_living_only) query.sql += " AND s.ended_at IS NULL";
  add_metadata(query, filter);
  if (filter.key_id.has_value()) query.where("s.key_id = ?", *filter.key_id);
  // The columns of the table that drives the query, so that its index is entered at the right place.
  const std::string time = has_metadata ? "m.created_at" : "s.created_at";
  if (filter.created_since.has_value()) query.where(time + " >= ?", milliseconds_since_1970(*filter.created_since));
  if (filter.created_until.has_value()) query.where(time + " < ?", milliseconds_since_1970(*filter.created_until));
  if (filter.template_name.has_value()) query.where("s.template = ?", *filter.template_name);
  if (filter.fork_tree_id.has_value()) query.where("s.fork_tree_id = ?", *filter.fork_tree_id);
  if (!filter.states.empty()) {
    query.sql += " AND s.state IN (";
    for (std::size_t i = 0; i < filter.states.size(); ++i) {
      query.sql += i == 0 ? "?" : ", ?";
      query.values.emplace_back(std::string(to_string(filter.states[i])));
    }
    query.sql += ")";
  }
  return query;
}

/// The filter as it is asked: states once each and in a fixed order, so that equal lists have equal queries.
Result<SandboxFilter> checked(SandboxFilter filter, std::size_t limit) {
  TRY(check_page(limit));
  if (filter.metadata.size() > kMostMetadataFilters) {
    return Error(Code::kInvalidArgument,
                 "a list is filtered by at most " + std::to_string(kMostMetadataFilters) + " metadata values");
  }
  std::ranges::sort(filter.states);
  const auto twice = std::ranges::unique(filter.states);
  filter.states.erase(twice.begin(), twice.end());
  return filter;
}

}  // namespace

Result<> check_page(std::size_t limit) {
  if (limit >= 1 && limit <= kLargestPage) return {};
  return Error(Code::kInvalidArgument, "a page has 1 to " + std::to_string(kLargestPage) + " items");
}

Result<> Sandboxes::insert(const Sandbox& sandbox) {
  if (!fits_cursor(sandbox.created_at)) return Error(Code::kInvalidArgument, "a sandbox is made after 1970");
  auto transaction = TRY(db_->begin());
  std::int64_t seq = 0;
  {
    auto statement = TRY(db_->prepare(kInsert));
    statement.bind(sandbox.id, sandbox.key_id, sandbox.template_name, sandbox.runtime, sandbox.boundary,
                   to_string(sandbox.state), sandbox.policy, TRY(to_json(sandbox.metadata)), TRY(to_json(sandbox.envs)),
                   sandbox.created_at, sandbox.deadline, sandbox.ttl, sandbox.idle, sandbox.last_active_at,
                   std::int64_t{sandbox.is_persistent}, sandbox.parent_id, sandbox.snapshot_id, sandbox.fork_tree_id,
                   sandbox.boot, sandbox.ended_at, sandbox.end_reason, sandbox.end_detail, sandbox.epoch);
    if (!TRY(statement.step())) return Error(Code::kInternal, "the state database answers nothing");
    seq = Row(statement).integer();
    TRY(statement.run());
  }
  TRY(insert_metadata({.seq = seq, .key_id = sandbox.key_id, .created_at = sandbox.created_at}, sandbox.metadata));
  return transaction.commit();
}

Result<> Sandboxes::insert_metadata(const RowName& row, const StringMap& metadata) {
  for (const auto& [name, value] : metadata) {
    TRY(TRY(db_->prepare("INSERT INTO sandbox_metadata (name, value, key_id, created_at, seq) VALUES (?, ?, ?, ?, ?)"))
            .bind(name, value, row.key_id, row.created_at, row.seq)
            .run());
  }
  return {};
}

Result<Sandbox> Sandboxes::get(std::string_view id) {
  auto statement = TRY(db_->prepare("SELECT " BRIG_SANDBOX_COLUMNS " FROM sandboxes s WHERE s.id = ?"));
  if (!TRY(statement.bind(id).step())) return Error(Code::kNotFound, "no such sandbox");
  Row row(statement);
  return read_sandbox(row);
}

Result<bool> Sandboxes::update(std::string_view assignment, std::string_view id, const auto&... values) {
  const std::string sql = "UPDATE sandboxes SET " + std::string(assignment) + " WHERE id = ? AND ended_at IS NULL";
  return TRY(TRY(db_->prepare(sql)).bind(values..., id).run_and_count()) == 1;
}

Result<bool> Sandboxes::set_state(std::string_view id, SandboxState state) {
  BRIG_CHECK(!is_ended(state), "a sandbox ends by end()");
  return update("state = ?", id, to_string(state));
}

Result<bool> Sandboxes::set_booted(std::string_view id, Milliseconds boot) {
  return update("state = 'running', boot_ms = ?", id, boot);
}

Result<bool> Sandboxes::set_lifetime(std::string_view id, std::optional<WallTime> deadline,
                                     std::optional<Milliseconds> ttl, std::optional<Milliseconds> idle) {
  return update("deadline = ?, ttl_ms = ?, idle_ms = ?, persistent = ?", id, deadline, ttl, idle, std::int64_t{!ttl});
}

Result<bool> Sandboxes::set_epoch(std::string_view id, std::int64_t epoch) { return update("epoch = ?", id, epoch); }

Result<bool> Sandboxes::touch(std::string_view id, WallTime now) {
  return update("last_active_at = max(last_active_at, ?)", id, now);
}

Result<bool> Sandboxes::set_metadata(std::string_view id, const StringMap& metadata) {
  const std::string text = TRY(to_json(metadata));
  auto transaction = TRY(db_->begin());
  RowName name;
  {
    auto statement =
        TRY(db_->prepare("SELECT seq, key_id, created_at FROM sandboxes WHERE id = ? AND ended_at IS NULL"));
    if (!TRY(statement.bind(id).step())) return false;
    Row row(statement);
    name.seq = row.integer();
    name.key_id = row.text();
    name.created_at = row.time();
  }
  TRY(update("metadata = ?", id, text));
  TRY(TRY(db_->prepare("DELETE FROM sandbox_metadata WHERE seq = ?")).bind(name.seq).run());
  TRY(insert_metadata(name, metadata));
  TRY(transaction.commit());
  return true;
}

Result<bool> Sandboxes::end(std::string_view id, const SandboxEnd& end, WallTime now) {
  BRIG_CHECK(is_ended(end.state), "a sandbox ends killed or failed");
  return update("state = ?, end_reason = ?, end_detail = ?, ended_at = ?", id, to_string(end.state), end.reason,
                end.detail, now);
}

Result<Page<Sandbox>> Sandboxes::list(const SandboxFilter& filter, std::size_t limit, std::string_view cursor) {
  Query query = list_query(TRY(checked(filter, limit)));
  const std::string scope = query.scope();
  const std::string table = filter.metadata.empty() ? "s." : "m.";
  if (!cursor.empty()) {
    const Place place = TRY(cursors_->decode(cursor, scope));
    query.where("(" + table + "created_at, " + table + "seq) < (?", milliseconds_since_1970(place.at));
    query.sql += ", ?)";
    query.values.emplace_back(place.seq);
  }
  query.sql += " ORDER BY " + table + "created_at DESC, " + table + "seq DESC LIMIT ?";
  query.values.emplace_back(static_cast<std::int64_t>(limit) + 1);

  auto statement = TRY(db_->prepare(query.sql));
  query.bind_to(statement);
  Page<Sandbox> page;
  Place last;
  while (TRY(statement.step())) {
    if (page.items.size() == limit) {
      page.next = cursors_->encode(last, scope);
      break;
    }
    Row row(statement);
    last.seq = row.integer();
    last.at = row.time();
    page.items.push_back(TRY(read_sandbox(row)));
  }
  return page;
}

Result<std::vector<StateCount>> Sandboxes::count_living(std::optional<std::string_view> key_id) {
  std::string sql = "SELECT state, count(*) FROM sandboxes WHERE ended_at IS NULL";
  if (key_id.has_value()) sql += " AND key_id = ?";
  auto statement = TRY(db_->prepare(sql + " GROUP BY state"));
  if (key_id.has_value()) statement.bind(*key_id);
  std::vector<StateCount> counts;
  while (TRY(statement.step())) {
    Row row(statement);
    const auto state = parse_sandbox_state(row.text());
    if (!state.has_value()) return Error(Code::kInternal, "a record of the state database is damaged");
    counts.push_back({.state = *state, .count = row.integer()});
  }
  std::ranges::sort(counts, {}, &StateCount::state);
  return counts;
}

Result<std::vector<Sandbox>> Sandboxes::unfinished() {
  auto statement =
      TRY(db_->prepare("SELECT " BRIG_SANDBOX_COLUMNS " FROM sandboxes s WHERE s.ended_at IS NULL ORDER BY s.seq"));
  std::vector<Sandbox> sandboxes;
  while (TRY(statement.step())) {
    Row row(statement);
    sandboxes.push_back(TRY(read_sandbox(row)));
  }
  return sandboxes;
}

Result<std::int64_t> Sandboxes::prune(WallTime before, std::int64_t keep, std::int64_t most) {
  auto transaction = TRY(db_->begin());
  std::int64_t removed = TRY(
      TRY(db_->prepare("DELETE FROM sandboxes WHERE seq IN (SELECT seq FROM sandboxes WHERE ended_at IS NOT NULL AND "
                       "ended_at < ? ORDER BY ended_at, seq LIMIT ?)"))
          .bind(before, most)
          .run_and_count());
  if (removed == most) {
    TRY(transaction.commit());
    return removed;
  }
  const std::int64_t ended = TRY(db_->integer("SELECT count(*) FROM sandboxes WHERE ended_at IS NOT NULL"));
  const std::int64_t excess = std::min(ended - keep, most - removed);
  if (excess > 0) {
    removed +=
        TRY(TRY(db_->prepare("DELETE FROM sandboxes WHERE seq IN (SELECT seq FROM sandboxes WHERE ended_at IS NOT "
                             "NULL ORDER BY ended_at, seq LIMIT ?)"))
                .bind(excess)
                .run_and_count());
  }
  TRY(transaction.commit());
  return removed;
}

}  // namespace brig::store
