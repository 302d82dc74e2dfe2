//! The schema, and the way from an older one to today's.
//!
//! Before the first step forward a database that holds something is copied beside itself, as `rushes.db.v{schema}.bak`.
//! Each step is one transaction: a crash anywhere leaves a database that the next start goes on with.

use crate::writer::failed;
use rushes_core::faults::{self, Place};
use rushes_core::{Code, Fault};
use rusqlite::{Connection, TransactionBehavior};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Every step forward, oldest first; a database's `user_version` counts those it has had.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_speed.sql"),
    include_str!("migrations/0003_upkeep.sql"),
    include_str!("migrations/0004_clouds.sql"),
    include_str!("migrations/0005_renditions.sql"),
    include_str!("migrations/0006_service.sql"),
    include_str!("migrations/0007_webhooks.sql"),
    include_str!("migrations/0008_ops.sql"),
    include_str!("migrations/0009_lists.sql"),
    include_str!("migrations/0010_walks.sql"),
    include_str!("migrations/0011_places.sql"),
    include_str!("migrations/0012_attempts.sql"),
    include_str!("migrations/0013_schedules.sql"),
    include_str!("migrations/0014_calls.sql"),
    include_str!("migrations/0015_nodes.sql"),
    include_str!("migrations/0016_budgets.sql"),
    include_str!("migrations/0017_work.sql"),
    include_str!("migrations/0018_callbacks.sql"),
    include_str!("migrations/0019_folders.sql"),
    include_str!("migrations/0020_fewer_indexes.sql"),
    include_str!("migrations/0021_plain_words.sql"),
];

/// The schema this program writes.
pub const SCHEMA_VERSION: usize = MIGRATIONS.len();

/// The steps that a database of a schema is still to have. Errors: `home_newer` when it is beyond ours.
pub(crate) fn steps_after(found: usize) -> Result<&'static [&'static str], Fault> {
    MIGRATIONS.get(found..).ok_or_else(|| newer(found, SCHEMA_VERSION))
}

fn newer(found: usize, known: usize) -> Fault {
    Fault::new(Code::HomeNewer, "open database").because(format!("it has schema {found}, this program knows {known}"))
}

/// Brings the database at `path` to today's schema, each step in a transaction, after a copy of what was there.
/// Errors: `home_newer`; `disk_full` and `io`, when the copy could not be made and nothing was changed; `store_failed`.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Fault> {
    carry(connection, path, MIGRATIONS)
}

/// The schema a database has. Errors: `home_newer` when it is beyond ours.
pub(crate) fn version(connection: &Connection) -> Result<usize, Fault> {
    version_within(connection, SCHEMA_VERSION)
}

fn version_within(connection: &Connection, known: usize) -> Result<usize, Fault> {
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|e| Fault::new(Code::StoreFailed, "read schema version").because(e))?;
    let found = usize::try_from(found).unwrap_or(0);
    if found > known {
        return Err(newer(found, known));
    }
    Ok(found)
}

fn carry(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Result<(), Fault> {
    let found = version_within(connection, migrations.len())?;
    if found == migrations.len() {
        return Ok(());
    }
    // Schema 0 is a file that was made a moment ago: there is nothing in it to keep.
    if found > 0 {
        back_up(connection, path, found)?;
    }
    while step(connection, migrations)? {}
    Ok(())
}

/// One step forward, if there is one; the schema is read inside its transaction, so that two programs never take the
/// same step.
fn step(connection: &mut Connection, migrations: &[&str]) -> Result<bool, Fault> {
    let at = "migrate database";
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|e| failed(at, e))?;
    let found = version_within(&transaction, migrations.len())?;
    let Some(sql) = migrations.get(found) else { return Ok(false) };
    let next = found + 1;
    let refused = |e| failed(at, e).with("schema", next);
    transaction.execute_batch(sql).map_err(refused)?;
    transaction.pragma_update(None, "user_version", i64::try_from(next).unwrap_or(i64::MAX)).map_err(refused)?;
    faults::pass(Place::Migrate)?;
    transaction.commit().map_err(refused)?;
    Ok(true)
}

/// Where the copy of a database of this schema is kept.
pub(crate) fn backup_of(path: &Path, schema: usize) -> PathBuf {
    beside(path, &format!(".v{schema}.bak"))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Writes the copy, whole or not at all. One that is there already stays: it is the older truth.
fn back_up(connection: &Connection, path: &Path, schema: usize) -> Result<(), Fault> {
    let backup = backup_of(path, schema);
    if backup.exists() {
        return Ok(());
    }
    faults::pass(Place::Backup)?;
    let unfinished = beside(&backup, ".part");
    let copied = copy(connection, &unfinished).and_then(|()| place(&unfinished, &backup));
    if copied.is_err() {
        let _ = std::fs::remove_file(&unfinished);
    }
    copied
}

/// Writes a consistent copy and syncs it.
fn copy(connection: &Connection, to: &Path) -> Result<(), Fault> {
    // A crash may have left half a copy, which SQLite would refuse to write over.
    match std::fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Fault::io("remove unfinished backup", to, &error)),
        _ => {}
    }
    let name = to.to_str().ok_or_else(|| Fault::new(Code::Io, "back up database").with("path", to.display()).because("no UTF-8"))?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(|e| failed("back up database", e).with("path", to.display()))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(|e| Fault::io("sync backup", to, &e))
}

#[expect(clippy::disallowed_methods, reason = "a backup gets its name once it is whole")]
fn place(unfinished: &Path, backup: &Path) -> Result<(), Fault> {
    std::fs::rename(unfinished, backup).map_err(|e| Fault::io("name backup", backup, &e))?;
    let folder = backup.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|open| open.sync_all()).map_err(|e| Fault::io("sync folder of backup", folder, &e))
}

/// Makes a new database of an older schema, as the program of that time would have.
#[cfg(any(test, feature = "older"))]
pub(crate) fn make(path: &Path, schema: usize) -> Result<Connection, Fault> {
    let mut connection = crate::sqlite::open_writer(path)?;
    carry_to(&mut connection, schema)?;
    Ok(connection)
}

/// Brings a database forward to a schema that may be older than today's, without a backup.
#[cfg(any(test, feature = "older"))]
pub(crate) fn carry_to(connection: &mut Connection, schema: usize) -> Result<(), Fault> {
    while step(connection, &MIGRATIONS[..schema])? {}
    Ok(())
}

#[cfg(test)]
mod tests;
