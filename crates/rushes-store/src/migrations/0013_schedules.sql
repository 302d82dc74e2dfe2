-- Objects that are still to be removed, which wait for the records that named them.
CREATE INDEX outbox_removals ON outbox(id) WHERE op = 'delete_object' AND state = 'owed';

-- Up to when each schedule is dealt with, the last job that was started for it, and the occurrence passed over since.
CREATE TABLE schedules(
    name TEXT PRIMARY KEY, timetable TEXT NOT NULL, last_ms INTEGER NOT NULL, job TEXT, passed_ms INTEGER, passed_why TEXT
) STRICT, WITHOUT ROWID;

-- Jobs that wait for somebody's choice.
CREATE INDEX jobs_choosing ON jobs(created_ms, id) WHERE state = 'running' AND substr(waiting_for, 1, 14) = 'signal choose ';
