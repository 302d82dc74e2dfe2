-- What is in an index is asked at each change of a row. For a list of three SQLite makes a table in memory each time, and none
-- for the same in plain words.
DROP INDEX outbox_open;
CREATE INDEX outbox_open ON outbox(destination) WHERE (state = 'owed' OR state = 'sending' OR state = 'refused');
DROP INDEX outbox_open_by_root;
CREATE INDEX outbox_open_by_root ON outbox(root) WHERE (state = 'owed' OR state = 'sending' OR state = 'refused');
