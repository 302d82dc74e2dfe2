-- The service: who may ask, what was answered, and who asked for a job.
CREATE TABLE keys(
    id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, scope TEXT NOT NULL,
    created_ms INTEGER NOT NULL, used_ms INTEGER, revoked_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX keys_by_name ON keys(name) WHERE revoked_ms IS NULL;

-- `status` is empty while `owner` answers.
CREATE TABLE replies(
    key TEXT NOT NULL, idem_key TEXT NOT NULL, request TEXT NOT NULL, owner TEXT NOT NULL,
    status INTEGER, mime TEXT, body TEXT, created_ms INTEGER NOT NULL, PRIMARY KEY(key, idem_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX replies_by_age ON replies(created_ms);

ALTER TABLE jobs ADD COLUMN by_key TEXT;
ALTER TABLE jobs ADD COLUMN idem_key TEXT;
ALTER TABLE jobs ADD COLUMN webhook_url TEXT;
CREATE UNIQUE INDEX jobs_by_idem_key ON jobs(idem_key) WHERE idem_key IS NOT NULL;
