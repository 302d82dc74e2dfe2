-- Times are integer milliseconds since 1970, UTC; ids are text; JSON is text.
CREATE TABLE subjects(
    id TEXT PRIMARY KEY, type TEXT NOT NULL, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    fields TEXT NOT NULL, rev INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs(
    id TEXT PRIMARY KEY, workflow TEXT NOT NULL, version INTEGER NOT NULL, input TEXT NOT NULL, input_hash TEXT NOT NULL,
    state TEXT NOT NULL, waiting_for TEXT, value TEXT, fault TEXT,
    owner TEXT, fence INTEGER NOT NULL DEFAULT 0, lease_until_ms INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    cancel INTEGER NOT NULL DEFAULT 0, parent TEXT, child_name TEXT, root TEXT NOT NULL,
    collection TEXT, rev INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, ended_ms INTEGER,
    UNIQUE(parent, child_name)
) STRICT;
CREATE INDEX jobs_live ON jobs(created_ms) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_to_cancel ON jobs(id) WHERE cancel = 1 AND state = 'running';
CREATE INDEX jobs_by_root ON jobs(root);
CREATE INDEX jobs_top ON jobs(created_ms) WHERE parent IS NULL;
CREATE INDEX jobs_by_input ON jobs(workflow, input_hash);

CREATE TABLE steps(
    seq INTEGER PRIMARY KEY, job TEXT NOT NULL, name TEXT NOT NULL, input_hash TEXT NOT NULL, outcome TEXT,
    attempts INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER, last_fault TEXT, provider TEXT,
    UNIQUE(job, name)
) STRICT;

CREATE TABLE signals(
    seq INTEGER PRIMARY KEY, job TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, sent_ms INTEGER NOT NULL, taken_at TEXT,
    UNIQUE(job, name, taken_at)
) STRICT;

CREATE TABLE blobs(
    sha256 TEXT PRIMARY KEY, md5 TEXT NOT NULL, crc32c INTEGER NOT NULL, size_bytes INTEGER NOT NULL, mime TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE assets(
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, title TEXT NOT NULL, idx INTEGER NOT NULL, version INTEGER NOT NULL,
    sha256 TEXT NOT NULL REFERENCES blobs(sha256), path TEXT NOT NULL, seed TEXT, width INTEGER, height INTEGER, duration_ms INTEGER,
    meta TEXT NOT NULL, job TEXT NOT NULL, root TEXT NOT NULL, step TEXT NOT NULL, created_ms INTEGER NOT NULL, retired_ms INTEGER,
    UNIQUE(job, step, kind, idx)
) STRICT;
CREATE INDEX assets_current_by_path ON assets(path) WHERE retired_ms IS NULL;
CREATE INDEX assets_by_path ON assets(path, version);
CREATE INDEX assets_by_subject ON assets(subject);
CREATE INDEX assets_by_root ON assets(root);
CREATE INDEX assets_by_blob ON assets(sha256);

CREATE TABLE lineage(asset TEXT NOT NULL, parent TEXT NOT NULL, PRIMARY KEY(asset, parent)) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries(
    asset TEXT NOT NULL, destination TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, uri TEXT, proof TEXT, proven_ms INTEGER,
    last_fault TEXT, PRIMARY KEY(asset, destination, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_by_key ON deliveries(destination, key);

-- What is owed. `root` is empty for rows that no job waits for (the mirrors of jobs themselves).
CREATE TABLE outbox(
    id INTEGER PRIMARY KEY, op TEXT NOT NULL, destination TEXT NOT NULL, asset TEXT, collection TEXT, document TEXT,
    key TEXT NOT NULL, rev INTEGER NOT NULL, root TEXT, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    not_before_ms INTEGER NOT NULL, lease INTEGER NOT NULL DEFAULT 0, lease_until_ms INTEGER NOT NULL DEFAULT 0,
    session TEXT, last_fault TEXT, size_bytes INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL, done_ms INTEGER,
    UNIQUE(op, destination, key, rev)
) STRICT;
CREATE INDEX outbox_by_state ON outbox(destination, state, done_ms);
CREATE INDEX outbox_ready ON outbox(destination, (size_bytes > 8388608), id) WHERE state = 'owed';
CREATE INDEX outbox_by_root ON outbox(root, state);
CREATE INDEX outbox_leased ON outbox(lease) WHERE state = 'sending';

CREATE TABLE outbox_needs(row INTEGER NOT NULL, needs INTEGER NOT NULL, PRIMARY KEY(row, needs)) STRICT, WITHOUT ROWID;

CREATE TABLE events(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, type TEXT NOT NULL, job TEXT, data TEXT NOT NULL
) STRICT;
