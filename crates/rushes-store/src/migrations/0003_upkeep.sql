-- What keeps a home in order: the age of local bytes, mending what was changed elsewhere, the cache of steps, lineage.
ALTER TABLE blobs ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;
-- The proof of what may be written over, where that is not the version before.
ALTER TABLE outbox ADD COLUMN replaces TEXT;
CREATE INDEX outbox_open ON outbox(destination, state) WHERE state IN ('owed', 'sending', 'refused');
CREATE INDEX steps_by_input ON steps(input_hash) WHERE input_hash <> '';
CREATE INDEX lineage_by_parent ON lineage(parent);
CREATE INDEX assets_by_kind ON assets(kind, created_ms) WHERE retired_ms IS NULL;
