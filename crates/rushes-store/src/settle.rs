//! What follows from a payment: jobs that owe nothing more are completed, and the mirrors of jobs are owed anew.

use crate::events::tell;
use crate::rows::{self, json};
use crate::writer::Write;
use rushes_core::{Code, Fault, JobId};
use rusqlite::params;
use serde_json::json as object;

/// Ends a family of jobs whose workflows have ended and whose rows are all paid or given up.
pub(crate) fn settle(write: &mut Write<'_>, root: JobId, catalogs: &[String]) -> Result<(), Fault> {
    let id = root.to_string();
    let is_delivering = rows::number(write.sql, "SELECT count(*) FROM jobs WHERE id = ?1 AND state = 'delivering'", [&id])? == 1;
    if !is_delivering {
        return Ok(());
    }
    let open = rows::number(write.sql, "SELECT count(*) FROM outbox WHERE root = ?1 AND state IN ('owed', 'sending')", [&id])?;
    if open > 0 {
        return Ok(());
    }
    let refused = rows::number(write.sql, "SELECT count(*) FROM outbox WHERE root = ?1 AND state = 'refused'", [&id])?;
    let (state, fault) = if refused == 0 {
        ("completed", None)
    } else {
        let reason = format!("{refused} of what it owes was refused; `rushes status` and `rushes audit` name it");
        ("failed", Some(json(&Fault::new(Code::DestinationRefused, "deliver job").with("job", root).because(reason))?))
    };
    rows::change(
        write.sql,
        "UPDATE jobs SET state = ?2, fault = CASE WHEN id = ?1 THEN ?3 ELSE fault END, updated_ms = ?4, ended_ms = ?4 WHERE root = ?1 AND state = 'delivering'",
        params![id, state, fault, write.now_ms],
    )?;
    write.wakes.jobs = true;
    tell(write, &format!("job.{state}"), Some(root), &object!({"refused": refused}))?;
    mirror(write, root, catalogs)
}

/// Owes a job's mirror to every catalog, when its workflow is mirrored. No job waits for these rows.
pub(crate) fn mirror(write: &mut Write<'_>, job: JobId, catalogs: &[String]) -> Result<(), Fault> {
    let id = job.to_string();
    let collection =
        rows::one(write.sql, "SELECT collection FROM jobs WHERE id = ?1 AND collection IS NOT NULL", [&id], |row| row.get::<_, String>(0))?;
    let Some(collection) = collection else { return Ok(()) };
    rows::change(write.sql, "UPDATE jobs SET rev = rev + 1 WHERE id = ?1", [&id])?;
    let rev = rows::number(write.sql, "SELECT rev FROM jobs WHERE id = ?1", [&id])?;
    for catalog in catalogs {
        owe_record(write, catalog, &collection, &id, rev, None)?;
    }
    Ok(())
}

/// Owes one record to one catalog; gives the row, or None when it is owed already under this `rev`.
pub(crate) fn owe_record(
    write: &mut Write<'_>,
    catalog: &str,
    collection: &str,
    document: &str,
    rev: i64,
    root: Option<JobId>,
) -> Result<Option<i64>, Fault> {
    write.wakes.outbox = true;
    rows::one(
        write.sql,
        "INSERT INTO outbox(op, destination, collection, document, key, rev, root, state, not_before_ms, created_ms)
         VALUES ('put_record', ?1, ?2, ?3, ?2 || '/' || ?3, ?4, ?5, 'owed', ?6, ?6) ON CONFLICT DO NOTHING RETURNING id",
        params![catalog, collection, document, rev, root.map(|id| id.to_string()), write.now_ms],
        |row| row.get(0),
    )
}
