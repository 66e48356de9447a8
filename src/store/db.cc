#include "store/db.h"

#include <sqlite3.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/check.h"

namespace brig::store {
namespace {

// Every limit is far above what our own statements need and far below what a hostile file or a bug could use up.
constexpr std::array<std::pair<int, int>, 12> kLimits{{
    {SQLITE_LIMIT_LENGTH, 8 << 20},  // bytes of one value or row
    {SQLITE_LIMIT_SQL_LENGTH, 64 << 10},
    {SQLITE_LIMIT_COLUMN, 100},
    {SQLITE_LIMIT_EXPR_DEPTH, 100},
    {SQLITE_LIMIT_COMPOUND_SELECT, 8},
    {SQLITE_LIMIT_VDBE_OP, 100'000},
    {SQLITE_LIMIT_FUNCTION_ARG, 8},
    {SQLITE_LIMIT_ATTACHED, 1},  // VACUUM INTO attaches its target
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256},
    {SQLITE_LIMIT_VARIABLE_NUMBER, 100},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 8},  // ON DELETE CASCADE counts as one
    {SQLITE_LIMIT_WORKER_THREADS, 0},
}};

constexpr std::array<std::pair<int, int>, 8> kSwitches{{
    {SQLITE_DBCONFIG_DEFENSIVE, 1},       // no statement can damage the file
    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},  // a schema from elsewhere calls no function with effects
    {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
    {SQLITE_DBCONFIG_ENABLE_VIEW, 0},  // we have none: one in the file is not ours
    {SQLITE_DBCONFIG_DQS_DML, 0},      // "x" is a name, never a string
    {SQLITE_DBCONFIG_DQS_DDL, 0},
    {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},  // closing a database that we refused must not change it
}};

constexpr int kBusyMilliseconds = 5000;
constexpr std::size_t kMostCached = 128;  // statements; lists with filters make more texts than are worth keeping

bool is_disk_full(int os_error) { return os_error == ENOSPC || os_error == EDQUOT || os_error == EFBIG; }

}  // namespace

// --- Statement ---

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_), statement_(std::exchange(other.statement_, nullptr)), home_(other.home_),
      next_parameter_(other.next_parameter_), failed_(other.failed_) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  rewind();
  sqlite3_clear_bindings(statement_);
  if (home_ != nullptr) home_->second = statement_;
  else sqlite3_finalize(statement_);
}

void Statement::rewind() {
  sqlite3_reset(statement_);  // repeats the error of the last step, which was reported
  next_parameter_ = 1;
  failed_ = SQLITE_OK;
}

void Statement::bind_one(std::string_view text) {
  const char* data = text.data() == nullptr ? "" : text.data();  // a null pointer would bind NULL
  const int code = sqlite3_bind_text64(statement_, next_parameter_++, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (failed_ == SQLITE_OK) failed_ = code;
}

void Statement::bind_one(Blob blob) {
  const char* data = blob.bytes.data() == nullptr ? "" : blob.bytes.data();
  const int code = sqlite3_bind_blob64(statement_, next_parameter_++, data, blob.bytes.size(), SQLITE_TRANSIENT);
  if (failed_ == SQLITE_OK) failed_ = code;
}

void Statement::bind_one(std::int64_t number) {
  const int code = sqlite3_bind_int64(statement_, next_parameter_++, number);
  if (failed_ == SQLITE_OK) failed_ = code;
}

void Statement::bind_one(std::nullopt_t) {
  const int code = sqlite3_bind_null(statement_, next_parameter_++);
  if (failed_ == SQLITE_OK) failed_ = code;
}

Result<bool> Statement::step() {
  if (failed_ != SQLITE_OK) {
    Error error = db_->error(failed_);
    rewind();
    return error;
  }
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) {
    Error error = db_->error(code);
    rewind();
    return error;
  }
  rewind();  // at once: an open read keeps the log from being emptied
  return false;
}

Result<> Statement::run() {
  while (TRY(step())) {
  }
  return {};
}

Result<std::int64_t> Statement::run_and_count() {
  TRY(run());
  return sqlite3_changes64(db_->db_);
}

// --- Row ---

bool Row::is_null() const { return sqlite3_column_type(statement_, column_) == SQLITE_NULL; }

std::string Row::text() {
  // The pointer is a byte array of SQLite's own; blobs come the same way.
  const void* data = sqlite3_column_blob(statement_, column_);
  const int size = sqlite3_column_bytes(statement_, column_++);
  if (data == nullptr) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

std::int64_t Row::integer() { return sqlite3_column_int64(statement_, column_++); }

std::optional<std::string> Row::maybe_text() {
  if (!is_null()) return text();
  ++column_;
  return std::nullopt;
}

std::optional<std::int64_t> Row::maybe_integer() {
  if (!is_null()) return integer();
  ++column_;
  return std::nullopt;
}

std::optional<WallTime> Row::maybe_time() {
  const auto number = maybe_integer();
  return number.has_value() ? std::optional(wall_time(*number)) : std::nullopt;
}

std::optional<Milliseconds> Row::maybe_duration() {
  const auto number = maybe_integer();
  return number.has_value() ? std::optional(Milliseconds(*number)) : std::nullopt;
}

// --- Transaction ---

Transaction::Transaction(Transaction&& other) noexcept
    : db_(std::exchange(other.db_, nullptr)), is_outermost_(other.is_outermost_), durability_(other.durability_) {}

Transaction::~Transaction() {
  if (db_ == nullptr) return;
  // SQLite may have rolled back everything by itself: after a full disk, for instance.
  if (db_->is_in_transaction()) {
    (void)db_->execute(is_outermost_ ? "ROLLBACK" : "ROLLBACK TO step; RELEASE step").has_value();
  }
  finish();
}

void Transaction::finish() {
  if (is_outermost_ && durability_ == Durability::kPower) {
    (void)db_->execute("PRAGMA synchronous=NORMAL").has_value();  // cannot fail outside a transaction
  }
  db_ = nullptr;
}

Result<> Transaction::commit() {
  BRIG_CHECK(db_ != nullptr, "a transaction is committed once");
  TRY(TRY(db_->prepare(is_outermost_ ? "COMMIT" : "RELEASE step")).run());
  finish();
  return {};
}

// --- Db ---

Result<std::unique_ptr<Db>> Db::open(const std::string& path) {
  sqlite3* raw = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE |
                         SQLITE_OPEN_PRIVATECACHE;
  const int code = sqlite3_open_v2(path.c_str(), &raw, kFlags, nullptr);
  if (raw == nullptr) return Error(Code::kExhausted, "open " + path + ": out of memory");
  std::unique_ptr<Db> db(new Db(raw));
  if (code != SQLITE_OK) return db->error(code).context("open " + path);
  TRY(db->configure().context("open " + path));
  return db;
}

Db::Db(sqlite3* db) : db_(db) {
  // Takes the place of SQLite's own hook, which would checkpoint, and so wait for the disk, inside a commit.
  sqlite3_wal_hook(
      db_,
      [](void* self, sqlite3*, const char*, int pages) {
        const auto& tell = static_cast<Db*>(self)->on_commit_;
        if (tell) tell(pages);
        return SQLITE_OK;
      },
      this);
}

Result<> Db::configure() {
  for (const auto [which, most] : kLimits) sqlite3_limit(db_, which, most);
  for (const auto [which, value] : kSwitches) {
    const int code = sqlite3_db_config(db_, which, value, nullptr);
    if (code != SQLITE_OK) return error(code);
  }
  sqlite3_busy_timeout(db_, kBusyMilliseconds);
  return execute("PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; PRAGMA cell_size_check=ON");
}

Db::~Db() {
  finalise_all();
  sqlite3_close(db_);
}

void Db::finalise_all() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(std::exchange(statement, nullptr));
  statements_.clear();
}

Result<> Db::close() {
  finalise_all();
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  auto done = execute("PRAGMA wal_checkpoint(TRUNCATE)");
  const int code = sqlite3_close(db_);
  BRIG_CHECK(code == SQLITE_OK, "a statement outlives its database");
  db_ = nullptr;
  return done;
}

Result<Db::Checkpoint> Db::checkpoint(bool is_restart) {
  Checkpoint state;
  const int mode = is_restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, &state.log, &state.done);
  if (code != SQLITE_OK) return error(code);
  return state;
}

Result<> Db::execute(const std::string& statements) {
  const int code = sqlite3_exec(db_, statements.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error(code);
  return {};
}

Result<Statement> Db::prepare(std::string_view sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end() && found->second != nullptr) {
    return Statement(*this, std::exchange(found->second, nullptr), &*found);
  }
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  // A text that is in use already (found, but empty) gets a second statement that is not kept.
  const bool is_kept = found == statements_.end() && statements_.size() < kMostCached;
  return Statement(*this, statement, is_kept ? &*statements_.emplace(std::string(sql), nullptr).first : nullptr);
}

Result<std::int64_t> Db::integer(std::string_view sql) {
  auto statement = TRY(prepare(sql));
  if (!TRY(statement.step())) return Error(Code::kInternal, "the state database answers nothing");
  return Row(statement).integer();
}

Result<Transaction> Db::begin(Durability durability) {
  const bool is_outermost = !is_in_transaction();
  if (is_outermost && durability == Durability::kPower) TRY(execute("PRAGMA synchronous=FULL"));
  auto begun = TRY(prepare(is_outermost ? "BEGIN IMMEDIATE" : "SAVEPOINT step")).run();
  if (!begun.has_value()) {
    if (is_outermost && durability == Durability::kPower) TRY(execute("PRAGMA synchronous=NORMAL"));
    return std::move(begun).error();
  }
  return Transaction(*this, is_outermost, durability);
}

bool Db::is_in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

Error Db::error(int code) const {
  const int os_error = sqlite3_system_errno(db_);
  const std::string said = std::string(" (") + sqlite3_errstr(code) + ")";
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {Code::kUnavailable, "the state database cannot grow: the disk is full, or its limit is reached"};
    case SQLITE_IOERR:
      if (code == SQLITE_IOERR_NOMEM) return {Code::kExhausted, "out of memory"};
      if (is_disk_full(os_error) || code == SQLITE_IOERR_SHMSIZE) {
        return {Code::kUnavailable, "the state database cannot be written: the disk is full"};
      }
      return Error::system(os_error, "read or write the state database" + said);
    case SQLITE_NOMEM: return {Code::kExhausted, "out of memory"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return {Code::kUnavailable, "the state database is locked by another process" + said};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return {Code::kInternal, "the state database is damaged" + said};
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      if (is_disk_full(os_error)) return {Code::kUnavailable, "the state database cannot be written: the disk is full"};
      return {Code::kDenied, "the state database may not be opened or written" + said};
    case SQLITE_CONSTRAINT:  // errmsg names the table and column, never a value
      return {Code::kInvalidArgument, std::string("the state database refuses the record: ") + sqlite3_errmsg(db_)};
    case SQLITE_TOOBIG: return {Code::kInvalidArgument, "a value is too large for the state database"};
    default: return {Code::kInternal, std::string("the state database: ") + sqlite3_errmsg(db_) + said};
  }
}

}  // namespace brig::store
