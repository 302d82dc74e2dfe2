//! A subject that is forgotten: nothing of it stays, in no row and in no byte of the file.

use crate::migrate::{SCHEMA_VERSION, backup_of};
use crate::register;
use crate::rows;
use crate::sql::{Sql, params};
use crate::sqlite;
use crate::store::SqlStore;
use crate::writer::{Write, failed};
use async_trait::async_trait;
use rushes_core::faults::{self, Place};
use rushes_core::store::Erase;
use rushes_core::{Code, Fault, Kind};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often a log that somebody reads is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS_MAX: u32 = 100;

/// What is still to be done elsewhere for a subject: its objects, and the records of it and them.
const OPEN: &str = "SELECT state, destination FROM outbox WHERE (state = 'owed' OR state = 'sending' OR state = 'refused')
    AND (asset IN (SELECT id FROM assets WHERE subject = ?1) OR key = 'people/' || ?1 OR (op = 'delete_record' AND document IN (SELECT id FROM assets WHERE subject = ?1)))";

/// In this order: what points at others goes first.
const GOES: [&str; 7] = [
    "DELETE FROM outbox_needs WHERE row IN (SELECT id FROM outbox WHERE asset IN (SELECT id FROM assets WHERE subject = ?1) OR key = 'people/' || ?1)
        OR needs IN (SELECT id FROM outbox WHERE asset IN (SELECT id FROM assets WHERE subject = ?1) OR key = 'people/' || ?1)",
    "DELETE FROM outbox WHERE asset IN (SELECT id FROM assets WHERE subject = ?1) OR key = 'people/' || ?1
        OR document IN (SELECT id FROM assets WHERE subject = ?1)",
    "DELETE FROM deliveries WHERE asset IN (SELECT id FROM assets WHERE subject = ?1)",
    "DELETE FROM lineage WHERE asset IN (SELECT id FROM assets WHERE subject = ?1)",
    "DELETE FROM assets WHERE subject = ?1",
    "DELETE FROM folders WHERE subject = ?1",
    "DELETE FROM subjects WHERE id = ?1",
];

/// The folders of a subject that its name is told by, as they stand in keys.
fn folders_of(sql: &Sql<'_>, subject: &str) -> Result<BTreeSet<String>, Fault> {
    let paths = "SELECT path FROM assets WHERE subject = ?1 AND kind IN (?2, ?3) UNION SELECT path FROM folders WHERE subject = ?1";
    let paths = rows::all(sql, paths, params![subject, Kind::Photo.name(), Kind::PhotoHere.name()], |row| row.get::<_, String>(0))?;
    Ok(paths.iter().filter_map(|path| path.split('/').nth(2).map(|folder| format!("/People/{folder}"))).collect())
}

/// Whether something of it is still to be done elsewhere. Errors: `destination_refused`.
fn is_open(sql: &Sql<'_>, subject: &str) -> Result<bool, Fault> {
    let mut open = rows::all(sql, OPEN, [subject], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    for folder in folders_of(sql, subject)? {
        let of_folder =
            "SELECT state, destination FROM outbox WHERE (state = 'owed' OR state = 'sending' OR state = 'refused') AND asset IS NULL
            AND instr(key || '/', ?1 || '/') > 0";
        open.extend(rows::all(sql, of_folder, [&folder], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?);
    }
    if let Some((_, destination)) = open.iter().find(|(state, _)| state == "refused") {
        let reason = "something of it could not be removed there; `rushes status` says why, then `rushes jobs retry`";
        return Err(Fault::new(Code::DestinationRefused, "erase subject").with("destination", destination).because(reason));
    }
    Ok(!open.is_empty())
}

fn erase(write: &mut Write<'_>, subject: &str) -> Result<bool, Fault> {
    if is_open(write.sql, subject)? {
        return Ok(false);
    }
    for folder in folders_of(write.sql, subject)? {
        // Facts tell of paths, and so do rows of folders that are made or gone.
        let facts = "DELETE FROM events WHERE instr(data, ?1 || '/') > 0 OR instr(data, ?1 || '\"') > 0";
        rows::change(write.sql, facts, [&folder])?;
        rows::change(write.sql, "DELETE FROM outbox WHERE asset IS NULL AND instr(key || '/', ?1 || '/') > 0", [&folder])?;
    }
    rows::change(write.sql, "DELETE FROM events WHERE instr(data, '\"' || ?1 || '\"') > 0", [subject])?;
    for statement in GOES {
        rows::change(write.sql, statement, [subject])?;
    }
    Ok(true)
}

/// Writes a file anew without what was deleted, and empties its log into it. Errors: `store_failed` where others read all the time.
pub(crate) fn write_anew(sql: &Connection) -> Result<(), Fault> {
    faults::pass(Place::Vacuum)?;
    sql.execute_batch("VACUUM").map_err(|e| failed("write database anew", e))?;
    faults::pass(Place::Truncate)?;
    // Those who read meanwhile hold the log for a moment.
    for _ in 0..LOOKS_MAX {
        let is_busy: i64 = sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(|e| failed("empty log", e))?;
        if is_busy == 0 {
            return faults::pass(Place::Scrubbed);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Err(Fault::new(Code::StoreFailed, "empty log").because("somebody reads it all the time; try again"))
}

#[async_trait]
impl Erase for SqlStore {
    async fn part(&self, subject: &str) -> Result<(), Fault> {
        let subject = subject.to_owned();
        self.write(move |write| register::owe_no_record(write, "people", &subject)).await
    }

    async fn erase(&self, subject: &str) -> Result<bool, Fault> {
        let (subject, looked_at) = (subject.to_owned(), subject.to_owned());
        // A transaction writes its facts down at its end: those of the last removal may come after what is erased in the same one.
        if self.read(move |sql| is_open(sql, &looked_at)).await? {
            return Ok(false);
        }
        self.write(move |write| erase(write, &subject)).await
    }

    async fn scrub(&self) -> Result<(), Fault> {
        let Some(path) = self.file() else { return Ok(()) };
        let work = move || {
            // Copies of older schemas tell what was known then.
            for schema in 0..SCHEMA_VERSION {
                let backup = backup_of(&path, schema);
                match std::fs::remove_file(&backup) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Fault::io("remove copy of database", &backup, &e)),
                    _ => {}
                }
            }
            write_anew(&sqlite::open_writer(&path)?)
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Fault::new(Code::Panicked, "write database anew").because(e))?
    }
}
