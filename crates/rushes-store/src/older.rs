//! Databases as older programs left them, with something in every table. For tests only: the feature `older` is
//! switched on by development dependencies and by nothing else.

use crate::migrate;
use crate::writer::failed;
use rushes_core::{Code, Fault};
use std::path::Path;

/// Rows for every table of schema 1. What later schemas add takes its default.
const FILLED: &str = include_str!("older/filled.sql");

/// Rows for the tables that came with schema 2.
const MARKED: &str = "INSERT INTO marks(name, value) VALUES ('library_mended', 1)";

/// Rows for the tables that came with schema 6.
const ASKED: &str = "INSERT INTO keys(id, name, hash, scope, created_ms) VALUES ('key_1', 'app', 'h', 'run', 1);
    INSERT INTO replies(key, idem_key, request, owner, status, mime, body, created_ms) VALUES ('key_1', 'k', 'r', 'o', 202, 'm', 'b', 1)";

/// Rows for the tables that came with schema 7.
const TOLD: &str = "INSERT INTO endpoints(id, url, types, key, created_ms) VALUES ('hook_00000000-0000-7000-8000-000000000001', 'https://a.example', '[]', '', 1);
    INSERT INTO secrets(key, secret) VALUES ('', 's');
    INSERT INTO messages(id, url, host, key, type, body, state, next_ms, created_ms) VALUES ('msg_00000000-0000-7000-8000-000000000001', 'https://a.example', 'a.example', '', 'job.failed', '{}', 'owed', 1, 1);
    INSERT INTO tries(message, at_ms, ms, said) VALUES (1, 1, 1, 'x')";

/// Rows for the table that came with schema 11.
const REMEMBERED: &str = "INSERT INTO places(name, uri, prefix, folder) VALUES ('remote', 'file:///remote', '', '/srv')";

/// Rows for the table that came with schema 12.
const SENT: &str = "INSERT INTO attempts(job, step, number, provider, state, external_id, began_ms, changed_ms)
    VALUES ('00000000-0000-7000-8000-000000000001', 'show', 1, 'instagram', 'done', '179', 1, 2)";

/// Rows for the table that came with schema 13.
const SCHEDULED: &str = "INSERT INTO schedules(name, timetable, last_ms) VALUES ('nightly', '0 3 * * *', 1)";

/// Rows for the tables that came with schema 17.
const WORKED: &str = "INSERT INTO work(job, family, labels, offer, files, state, not_before_ms, since_ms, changed_ms)
    VALUES ('00000000-0000-7000-8000-000000000001', 'sdxl', '[]', '{}', 1, 'done', 0, 1, 1);
    INSERT INTO work_files(job, idx, sha256, handed) VALUES ('00000000-0000-7000-8000-000000000001', 0, 'h', '{}');
    INSERT INTO workers(name, made, seen_ms) VALUES ('box', '{}', 1)";

/// Rows for the table of folders, and what is owed of one.
const FOLDERS: &str = "INSERT INTO folders(path, kind, subject, created_ms) VALUES ('s/People/John_Doe/Solo', 'photo', 's', 1);
    INSERT INTO outbox(op, destination, key, rev, state, not_before_ms, created_ms) VALUES ('ensure_folder', 'remote', 's/People/John_Doe/Solo', 1, 'owed', 1, 1)";

/// Makes a database of an older schema at `path` and closes it: jobs in every state, their steps and signals, assets
/// of two versions, deliveries and what is owed for them, and events. Errors: `input_invalid` when it is there already.
pub fn open_at_schema(path: &Path, schema: usize) -> Result<(), Fault> {
    if path.exists() {
        return Err(Fault::new(Code::InputInvalid, "make older database").with("path", path.display()).because("it is there already"));
    }
    let mut connection = migrate::make(path, 1)?;
    connection.execute_batch(FILLED).map_err(|e| failed("fill older database", e))?;
    migrate::carry_to(&mut connection, schema)?;
    for (since, rows) in [(2, MARKED), (6, ASKED), (7, TOLD), (11, REMEMBERED), (12, SENT), (13, SCHEDULED), (17, WORKED), (19, FOLDERS)] {
        if schema >= since {
            connection.execute_batch(rows).map_err(|e| failed("fill older database", e))?;
        }
    }
    Ok(())
}
