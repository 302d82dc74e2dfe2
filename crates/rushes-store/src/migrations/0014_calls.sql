-- When a job that nobody drives is next worth a call; an engine that looks for work by itself does not heed it.
ALTER TABLE jobs ADD COLUMN wake_at_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_to_call_for ON jobs(wake_at_ms) WHERE state IN ('queued', 'running', 'delivering');
