-- Looks that must not walk what is long done. Each partial index holds only what is open.
DROP INDEX jobs_live;
CREATE INDEX jobs_queued ON jobs(created_ms, id) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs(owner, created_ms, id) WHERE state = 'running';
CREATE INDEX deliveries_sending ON deliveries(asset) WHERE state = 'sending';
CREATE INDEX deliveries_refused ON deliveries(asset) WHERE state = 'refused';
CREATE INDEX outbox_refused ON outbox(id) WHERE state = 'refused';
CREATE INDEX outbox_waiting ON outbox(destination, not_before_ms) WHERE state = 'owed';
DROP INDEX assets_by_subject;
CREATE INDEX assets_by_subject ON assets(subject, id);

-- How far something has come that goes on where it stopped.
CREATE TABLE marks(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
