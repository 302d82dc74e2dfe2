-- Running a server: whose turn it is, since when a job runs, and what earlier ones took.
ALTER TABLE jobs ADD COLUMN in_turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN started_ms INTEGER;
DROP INDEX jobs_queued;
CREATE INDEX jobs_queued ON jobs(created_ms, id) WHERE state = 'queued' AND in_turn = 0;
CREATE INDEX jobs_in_turn ON jobs(created_ms, id) WHERE state = 'queued' AND in_turn = 1;
CREATE INDEX jobs_completed ON jobs(workflow, ended_ms) WHERE state = 'completed';
