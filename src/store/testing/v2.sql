-- What version 2 wrote. Never edit it: the upgrade's test starts from it.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('cursor_key',X'000102030405060708090a0b0c0d0e0f');
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
, may_build_templates INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO keys VALUES(1,'local','the local socket',NULL,'',0,NULL,NULL,NULL,NULL,NULL,'','[]','[]',1);
INSERT INTO keys VALUES(2,'fixturekeyfixturekey','fixture',X'fb526cd4ad0ec978c1a9e78f7c0728711139978424d618eb228be59e21188970','brig_012345',1000,4102444800000,NULL,5,2000,536870912,'shared-kernel','["process"]','["host"]',0);
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
INSERT INTO sandboxes VALUES(1,'living','local','host','process','shared-kernel','creating','{"limits":{"memory":268435456}}','{"team":"a\"b","run":"ünï"}','{"LANG":"C.UTF-8","EMPTY":""}',1000,61000,60000,5000,1000,1,'parent','snapshot','tree',2,NULL,NULL,NULL,7);
INSERT INTO sandboxes VALUES(2,'ended','local','host','process','shared-kernel','killed','{"limits":{"memory":268435456}}','{"team":"a\"b","run":"ünï"}','{"LANG":"C.UTF-8","EMPTY":""}',1000,61000,60000,5000,1000,1,'parent','snapshot','tree',2,61000,'deadline','after 60 s',7);
CREATE TABLE sandbox_metadata (
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  key_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  seq INTEGER NOT NULL REFERENCES sandboxes (seq) ON DELETE CASCADE,
  PRIMARY KEY (name, value, key_id, created_at, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO sandbox_metadata VALUES('run','ünï','local',1000,1);
INSERT INTO sandbox_metadata VALUES('team','a"b','local',1000,1);
INSERT INTO sandbox_metadata VALUES('run','ünï','local',1000,2);
INSERT INTO sandbox_metadata VALUES('team','a"b','local',1000,2);
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
INSERT INTO snapshots VALUES(1,'snap','local','sandbox','host',2000,3145728,'snap.tar','{}',0);
CREATE TABLE answers (
  key_id TEXT NOT NULL REFERENCES keys (id),
  token TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  status INTEGER,
  body BLOB,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (key_id, token)
) STRICT;
INSERT INTO answers VALUES('local','token',X'68617368',201,X'7b7d',5);
CREATE TABLE events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  sandbox_id TEXT,
  type TEXT NOT NULL,
  data TEXT NOT NULL
) STRICT;
INSERT INTO events VALUES(2,8,'local','living','sandbox.created','{}');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('sandboxes',2);
INSERT INTO sqlite_sequence VALUES('snapshots',1);
INSERT INTO sqlite_sequence VALUES('events',2);
CREATE INDEX sandboxes_by_key ON sandboxes (key_id, created_at, seq, template);
CREATE INDEX sandboxes_by_time ON sandboxes (created_at, seq, template);
CREATE INDEX sandboxes_live ON sandboxes (key_id, created_at, seq, state) WHERE ended_at IS NULL;
CREATE INDEX sandboxes_ended ON sandboxes (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sandboxes_by_tree ON sandboxes (fork_tree_id) WHERE fork_tree_id IS NOT NULL;
CREATE INDEX sandbox_metadata_by_seq ON sandbox_metadata (seq);
CREATE INDEX snapshots_by_key ON snapshots (key_id);
CREATE INDEX snapshots_by_sandbox ON snapshots (sandbox_id);
CREATE INDEX answers_by_age ON answers (created_at);
CREATE INDEX answers_open ON answers (created_at) WHERE status IS NULL;
CREATE INDEX events_by_key ON events (key_id);
CREATE INDEX events_by_sandbox ON events (sandbox_id) WHERE sandbox_id IS NOT NULL;
COMMIT;
PRAGMA user_version=2;
PRAGMA application_id=1112688967;
