//! Opens a SQLite file, for writing and for reading.

use crate::migrate;
use crate::writer::failed;
use rushes_core::{Code, Fault};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// Prepared statements kept by each connection: more than there are different ones.
const STATEMENTS: usize = 256;
/// Pages the log may grow to before they are copied into the database: enough to write a much-changed page once.
const CHECKPOINT_PAGES: u32 = 8_000;

/// What a start does with what the last owner left; each finds an index that holds only such rows.
pub(crate) const TAKE_OVER: &[&str] = &[
    "UPDATE jobs SET lease_until_ms = 0, owner = NULL WHERE state = 'running'",
    "UPDATE outbox SET state = 'owed', lease = 0, lease_until_ms = 0 WHERE state = 'sending'",
    "UPDATE deliveries SET state = 'owed' WHERE state = 'sending' AND state IN ('owed', 'sending')",
    // What was refused is tried once more by each start: the cause may be mended by now.
    // But not an older version where a newer one is known: it would come back in the newer one's place.
    "UPDATE outbox SET state = 'superseded' WHERE state = 'refused' AND EXISTS (SELECT 1 FROM outbox newer
         WHERE newer.op = outbox.op AND newer.destination = outbox.destination AND newer.key = outbox.key AND newer.rev > outbox.rev)",
    "UPDATE outbox SET state = 'owed', not_before_ms = 0, attempts = 0, done_ms = NULL WHERE state = 'refused'",
    "UPDATE deliveries SET state = 'owed' WHERE state = 'refused'",
    "UPDATE messages SET state = 'owed', lease = 0, lease_until_ms = 0 WHERE state = 'sending'",
];

/// Secrets that sign stand in it, so only its owner reads it; its log and its index of that take over who may.
fn make_private(path: &Path) -> Result<(), Fault> {
    let failed = |e| Fault::io("open database", path, &e);
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(failed)?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)
}

/// The connection of the one who writes, on a database of today's schema.
pub(crate) fn writing(path: &Path, is_alone: bool) -> Result<Connection, Fault> {
    refuse_newer(path)?;
    make_private(path)?;
    let mut connection = open_writer(path)?;
    migrate::migrate(&mut connection, path)?;
    if is_alone {
        for statement in TAKE_OVER {
            connection.execute(statement, []).map_err(|e| failed("take over what is under way", e))?;
        }
    }
    Ok(connection)
}

/// A newer program's database is looked at without being able to change it. Any other trouble is left to the writer,
/// which can mend what a crash has left.
fn refuse_newer(path: &Path) -> Result<(), Fault> {
    if !path.exists() {
        return Ok(());
    }
    match open_reader(path).and_then(|reader| migrate::version(&reader)) {
        Err(fault) if fault.code == Code::HomeNewer => Err(fault),
        _ => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the store is the room with SQL")]
pub(crate) fn open_writer(path: &Path) -> Result<Connection, Fault> {
    let connection = Connection::open(path).map_err(|e| failed("open database", e).with("path", path.display()))?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(|e| failed("set up database", e))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"
        ))
        .map_err(|e| failed("set up database", e))?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// A connection for reading, on a database of today's schema.
pub(crate) fn checked_reader(path: &Path) -> Result<Connection, Fault> {
    let first = open_reader(path)?;
    if migrate::version(&first)? < migrate::SCHEMA_VERSION {
        return Err(Fault::new(Code::ConfigInvalid, "open database")
            .because("its schema is older; `rushes init` brings it up to date, after a backup"));
    }
    Ok(first)
}

#[expect(clippy::disallowed_methods, reason = "the store is the room with SQL")]
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Fault> {
    if !path.exists() {
        return Err(Fault::new(Code::FileMissing, "open database")
            .with("path", path.display())
            .because("there is no Rushes home here; `rushes init` makes one"));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| failed("open database", e).with("path", path.display()))?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(|e| failed("set up database", e))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    keep_plans(&connection)?;
    Ok(connection)
}

/// One plan for each statement, whatever values it is given: otherwise some are prepared anew with each new value, such
/// as that of a LIMIT.
fn keep_plans(connection: &Connection) -> Result<(), Fault> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop).map_err(|e| failed("set up database", e))
}
