-- Folders that are there whether anything lies in them or not; those with a time are not wanted any more since then.
CREATE TABLE folders(
    path TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, created_ms INTEGER NOT NULL, gone_ms INTEGER
) STRICT, WITHOUT ROWID;

-- Folders that are still to be made, which go before everything else.
CREATE INDEX outbox_folders ON outbox(destination, id) WHERE op = 'ensure_folder' AND state IN ('owed', 'sending');
