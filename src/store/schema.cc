#include "store/schema.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "sys/file.h"

namespace brig::store {
namespace {

// Times are milliseconds since 1970. `seq` is the order of insertion; it decides between rows of the same moment.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  label TEXT NOT NULL,
  hash BLOB UNIQUE,
  prefix_shown TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  quota_sandboxes INTEGER,
  quota_cpu_millis INTEGER,
  quota_memory INTEGER,
  floor TEXT NOT NULL,
  runtimes TEXT NOT NULL,
  templates TEXT NOT NULL
) STRICT;

CREATE TABLE sandboxes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  key_id TEXT NOT NULL REFERENCES keys (id),
  template TEXT NOT NULL,
  runtime TEXT NOT NULL,
  boundary TEXT NOT NULL,
  state TEXT NOT NULL,
  policy TEXT NOT NULL,
  metadata TEXT NOT NULL,
  envs TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  deadline INTEGER,
  ttl_ms INTEGER,
  idle_ms INTEGER,
  last_active_at INTEGER NOT NULL,
  persistent INTEGER NOT NULL,
  parent_id TEXT,
  snapshot_id TEXT,
  fork_tree_id TEXT,
  boot_ms INTEGER,
  ended_at INTEGER,
  end_reason TEXT,
  end_detail TEXT,
  epoch INTEGER NOT NULL
) STRICT;
CREATE INDEX sandboxes_by_key ON sandboxes (key_id, created_at, seq, template);
CREATE INDEX sandboxes_by_time ON sandboxes (created_at, seq, template);
CREATE INDEX sandboxes_live ON sandboxes (key_id, created_at, seq, state) WHERE ended_at IS NULL;
CREATE INDEX sandboxes_ended ON sandboxes (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sandboxes_by_tree ON sandboxes (fork_tree_id) WHERE fork_tree_id IS NOT NULL;

CREATE TABLE sandbox_metadata (
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  key_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  seq INTEGER NOT NULL REFERENCES sandboxes (seq) ON DELETE CASCADE,
  PRIMARY KEY (name, value, key_id, created_at, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX sandbox_metadata_by_seq ON sandbox_metadata (seq);

CREATE TABLE snapshots (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  key_id TEXT NOT NULL REFERENCES keys (id),
  sandbox_id TEXT NOT NULL,
  template TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  file_name TEXT NOT NULL,
  policy TEXT NOT NULL,
  has_memory INTEGER NOT NULL
) STRICT;
CREATE INDEX snapshots_by_key ON snapshots (key_id);
CREATE INDEX snapshots_by_sandbox ON snapshots (sandbox_id);

CREATE TABLE answers (
  key_id TEXT NOT NULL REFERENCES keys (id),
  token TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  status INTEGER,
  body BLOB,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (key_id, token)
) STRICT;
CREATE INDEX answers_by_age ON answers (created_at);
CREATE INDEX answers_open ON answers (created_at) WHERE status IS NULL;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  sandbox_id TEXT,
  type TEXT NOT NULL,
  data TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_key ON events (key_id);
CREATE INDEX events_by_sandbox ON events (sandbox_id) WHERE sandbox_id IS NOT NULL;

-- Who comes through the Unix socket has no key: the file's permissions are the proof. No hash: nothing presented can match.
INSERT INTO keys (id, label, hash, prefix_shown, created_at, floor, runtimes, templates)
VALUES ('local', 'the local socket', NULL, '', 0, '', '[]', '[]');
INSERT INTO meta (name, value) VALUES ('cursor_key', randomblob(16));
PRAGMA application_id = 1112688967;
)sql";

/// Who may have templates made: nobody before, and the machine's owner, who could always do it with `brig template`.
constexpr const char* kVersion2 = R"sql(
ALTER TABLE keys ADD COLUMN may_build_templates INTEGER NOT NULL DEFAULT 0;
UPDATE keys SET may_build_templates = 1 WHERE id = 'local';
)sql";

/// A snapshot may have a name of its owner's.
constexpr const char* kVersion3 = R"sql(
ALTER TABLE snapshots ADD COLUMN name TEXT NOT NULL DEFAULT '';
)sql";

constexpr std::array<const char*, 3> kSteps{kVersion1, kVersion2, kVersion3};

/// A copy that is either whole or not there under its name.
Result<> back_up(Db& db, const std::string& path, std::int64_t version) {
  const std::string name = path + ".v" + std::to_string(version) + ".bak";
  const std::string unfinished = name + ".tmp";
  const Fd file = TRY(sys::open(unfinished, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  TRY(TRY(db.prepare("VACUUM INTO ?")).bind(unfinished).run());
  if (::fsync(file.get()) != 0) return Error::last_system("write " + unfinished);
  if (::rename(unfinished.c_str(), name.c_str()) != 0) return Error::last_system("write " + name);
  return {};
}

}  // namespace

std::span<const char* const> schema_steps() { return kSteps; }

Result<> migrate(Db& db, const std::string& path, std::span<const char* const> steps) {
  const auto newest = static_cast<std::int64_t>(steps.size());
  const std::int64_t version = TRY(db.integer("PRAGMA user_version"));
  if (version > newest) {
    return Error(Code::kUnsupported, path + " is of version " + std::to_string(version) +
                                         ", and this program knows versions up to " + std::to_string(newest) +
                                         ": it was written by a newer Brig; it has not been touched");
  }
  if (version == newest) return {};
  if (version > 0) TRY(back_up(db, path, version).context("back up before the migration"));
  for (std::int64_t next = version + 1; next <= newest; ++next) {
    auto transaction = TRY(db.begin(Durability::kPower));
    TRY(db.execute(steps[static_cast<std::size_t>(next - 1)])
            .context("migrate " + path + " to version " + std::to_string(next)));
    TRY(db.execute("PRAGMA user_version=" + std::to_string(next)));
    TRY(transaction.commit());
  }
  return {};
}

}  // namespace brig::store
