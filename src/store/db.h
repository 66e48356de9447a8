#pragma once
/// Db, Statement, Row, Transaction: SQLite with owners and Results.
///
/// One connection, one thread; every call blocks for as long as SQLite does. A Statement or Transaction must not
/// outlive its Db. Errors: kUnavailable for a full disk, a database at its size limit, or when another
/// connection holds the lock for longer than the busy timeout, kInvalidArgument for a broken constraint or a value that
/// is too big, kDenied for a file that may not be written, kInternal for a damaged database. After any of them the
/// connection goes on working. No error text contains a bound value.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "base/wall_time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace brig::store {

class Db;

/// Bytes to bind as a BLOB; text is bound as TEXT.
struct Blob {
  std::string_view bytes;
};

/// A prepared statement, borrowed from the Db's cache until it dies.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  /// Binds the next parameters, in order. Values are copied. What cannot be bound fails the next step().
  template <class... T>
  Statement& bind(const T&... values) {
    (bind_one(values), ...);
    return *this;
  }

  /// Runs to the next row: true if there is one. After false the statement can be bound and run again.
  Result<bool> step();
  /// Runs to the end, ignoring rows.
  Result<> run();
  /// Runs to the end: the number of rows that were inserted, updated or deleted, not counting cascades.
  Result<std::int64_t> run_and_count();

 private:
  friend class Db;
  friend class Row;
  using Cached = std::pair<const std::string, sqlite3_stmt*>;
  Statement(Db& db, sqlite3_stmt* statement, Cached* home) : db_(&db), statement_(statement), home_(home) {}

  void bind_one(std::string_view text);
  void bind_one(const std::string& text) { bind_one(std::string_view(text)); }
  void bind_one(const char* text) { bind_one(std::string_view(text)); }
  void bind_one(Blob blob);
  void bind_one(std::int64_t number);
  void bind_one(WallTime time) { bind_one(milliseconds_since_1970(time)); }
  void bind_one(Milliseconds duration) { bind_one(static_cast<std::int64_t>(duration.count())); }
  void bind_one(std::nullopt_t);
  template <class T>
  void bind_one(const std::optional<T>& value) {
    if (value.has_value()) bind_one(*value);
    else bind_one(std::nullopt);
  }
  void rewind();

  Db* db_;
  sqlite3_stmt* statement_;
  Cached* home_;  ///< where in the cache it goes back to; null = it is finalised
  int next_parameter_ = 1;
  int failed_ = 0;  ///< SQLite's code of the first bind that failed
};

/// Reads the columns of the current row from left to right. A NULL reads as nothing, 0 or "".
class Row {
 public:
  explicit Row(const Statement& statement) : statement_(statement.statement_) {}
  std::string text();
  std::int64_t integer();
  std::optional<std::string> maybe_text();
  std::optional<std::int64_t> maybe_integer();
  WallTime time() { return wall_time(integer()); }
  std::optional<WallTime> maybe_time();
  std::optional<Milliseconds> maybe_duration();

 private:
  [[nodiscard]] bool is_null() const;
  sqlite3_stmt* statement_;
  int column_ = 0;
};

/// When a commit is on the disk itself: kProcess survives the death of every process of ours at once, and loss of power
/// once the checkpoint has run (about a second); kPower is there when commit() returns, and costs an fsync.
enum class Durability : std::uint8_t { kProcess, kPower };

/// Everything or nothing. Dropped without commit() it is rolled back. Inside another one it is a savepoint.
class Transaction {
 public:
  Transaction(Transaction&& other) noexcept;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  /// After an error nothing of it is kept.
  Result<> commit();

 private:
  friend class Db;
  Transaction(Db& db, bool is_outermost, Durability durability)
      : db_(&db), is_outermost_(is_outermost), durability_(durability) {}
  void finish();

  Db* db_;
  bool is_outermost_;
  Durability durability_;
};

class Db {
 public:
  /// Opens an existing file (an empty one counts) for reading and writing. Nothing is written by opening, nor by
  /// closing: see close().
  static Result<std::unique_ptr<Db>> open(const std::string& path);
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;
  /// Leaves the log as it is: the next open finds it.
  ~Db();

  /// Brings the log into the database file and removes it, then closes. The Db can no longer be used, whatever the
  /// result.
  Result<> close();

  /// Runs statements without parameters, separated by semicolons.
  Result<> execute(const std::string& statements);
  /// Statements with the same text are compiled once.
  Result<Statement> prepare(std::string_view sql);
  /// The one integer that `sql` answers with.
  Result<std::int64_t> integer(std::string_view sql);
  /// Inside another transaction `durability` is the outermost one's.
  Result<Transaction> begin(Durability durability = Durability::kProcess);
  [[nodiscard]] bool is_in_transaction() const;

  /// How much of the log is in the database file, in pages.
  struct Checkpoint {
    int log = 0;
    int done = 0;
  };
  /// Copies the log into the database file and syncs both. With `is_restart` it first keeps writers out, so that all of
  /// the log is copied and the next writer begins it anew.
  Result<Checkpoint> checkpoint(bool is_restart);
  /// Called after every commit with the pages that the log now has. Without one the log only grows until close().
  void on_commit(std::function<void(int pages)> tell) { on_commit_ = std::move(tell); }

 private:
  friend class Statement;
  friend class Transaction;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  explicit Db(sqlite3* db);
  Result<> configure();
  [[nodiscard]] Error error(int code) const;
  void finalise_all();

  sqlite3* db_;
  std::unordered_map<std::string, sqlite3_stmt*, Hash, std::equal_to<>> statements_;
  std::function<void(int)> on_commit_;
};

}  // namespace brig::store
