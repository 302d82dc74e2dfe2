-- Work that is done by workers elsewhere, one piece for each job, the files of it that came back, and who works.
-- `told`: the job was told why its work failed.
CREATE TABLE work(
    job TEXT PRIMARY KEY, family TEXT NOT NULL, labels TEXT NOT NULL, offer TEXT NOT NULL, files INTEGER NOT NULL,
    state TEXT NOT NULL, begun INTEGER NOT NULL DEFAULT 0, not_before_ms INTEGER NOT NULL, since_ms INTEGER NOT NULL,
    worker TEXT, token TEXT, lease_until_ms INTEGER, percent INTEGER, fault TEXT, told INTEGER NOT NULL DEFAULT 0,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX work_open ON work(since_ms, job) WHERE state IN ('waiting', 'leased');
CREATE INDEX work_leased ON work(token) WHERE state = 'leased';
CREATE INDEX work_by_change ON work(changed_ms);

CREATE TABLE work_files(
    job TEXT NOT NULL, idx INTEGER NOT NULL, sha256 TEXT NOT NULL, handed TEXT NOT NULL, PRIMARY KEY(job, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX work_files_by_hash ON work_files(sha256);

CREATE TABLE workers(
    name TEXT PRIMARY KEY, made TEXT NOT NULL, seen_ms INTEGER NOT NULL, draining INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
