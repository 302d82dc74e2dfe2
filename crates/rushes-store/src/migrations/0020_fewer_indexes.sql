-- Each index of what is open has a row from when it is owed until it is paid, and none of those that are: on its way from owed to
-- paid a row moves in none of them, and a commit writes fewer pages. Whoever asks says so in the words of the index.
DROP INDEX outbox_by_state;
CREATE INDEX outbox_done ON outbox(destination, done_ms) WHERE state = 'done';
DROP INDEX outbox_open;
CREATE INDEX outbox_open ON outbox(destination) WHERE state IN ('owed', 'sending', 'refused');
DROP INDEX outbox_by_root;
CREATE INDEX outbox_open_by_root ON outbox(root) WHERE state IN ('owed', 'sending', 'refused');
CREATE INDEX outbox_done_by_root ON outbox(root) WHERE state = 'done';
-- What is due as soon as it is owed waits for no moment.
DROP INDEX outbox_waiting;
CREATE INDEX outbox_waiting ON outbox(destination, not_before_ms) WHERE state = 'owed' AND not_before_ms > created_ms;
DROP INDEX deliveries_sending;
DROP INDEX deliveries_owed;
CREATE INDEX deliveries_open ON deliveries(asset) WHERE state IN ('owed', 'sending');
-- A path has few versions, which are found by it anyway.
DROP INDEX assets_current_by_path;
