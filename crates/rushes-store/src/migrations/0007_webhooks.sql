-- Webhooks: who is told of the ends of jobs, what signs, what is owed, and what came of each try.
CREATE TABLE endpoints(
    id TEXT PRIMARY KEY, url TEXT NOT NULL, types TEXT NOT NULL, key TEXT NOT NULL, created_ms INTEGER NOT NULL, disabled_why TEXT
) STRICT, WITHOUT ROWID;

-- The key '' stands for the home itself.
CREATE TABLE secrets(key TEXT PRIMARY KEY, secret TEXT NOT NULL, previous TEXT, previous_until_ms INTEGER) STRICT, WITHOUT ROWID;

CREATE TABLE messages(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, endpoint TEXT, url TEXT NOT NULL, host TEXT NOT NULL,
    key TEXT NOT NULL, type TEXT NOT NULL, job TEXT, body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    next_ms INTEGER NOT NULL, lease INTEGER NOT NULL DEFAULT 0, lease_until_ms INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL, ended_ms INTEGER
) STRICT;
CREATE INDEX messages_owed ON messages(host, next_ms) WHERE state = 'owed';
CREATE INDEX messages_sending ON messages(host) WHERE state = 'sending';
CREATE INDEX messages_ended ON messages(ended_ms) WHERE ended_ms IS NOT NULL;
CREATE INDEX messages_by_job ON messages(job, seq);
CREATE INDEX messages_by_endpoint ON messages(endpoint, seq);

CREATE TABLE tries(
    seq INTEGER PRIMARY KEY, message INTEGER NOT NULL, at_ms INTEGER NOT NULL, ms INTEGER NOT NULL, status INTEGER, said TEXT NOT NULL
) STRICT;
CREATE INDEX tries_by_message ON tries(message, seq);
