//! Which rows of the outbox are due, and who has them for now.

use super::backlog::BACKLOG;
use crate::assets;
use crate::rows::{self, json};
use crate::writer::Write;
use rushes_core::delivery::{Due, Leased, SMALL_MAX_BYTES, Wanted, Work};
use rushes_core::destination::Proof;
use rushes_core::{Code, Fault};
use rusqlite::{Connection, params};

/// How long a row's lease lasts without renewal; its sender renews it whenever it asks for more.
const LEASE_MS: i64 = 15_000;
/// Files up to this size never wait behind larger ones. The index `outbox_ready` is made for this very number.
const SMALL_BYTES: u64 = SMALL_MAX_BYTES;

/// The plus keeps the database from finding rows by their time: that finds every row that is owed, to look at each and put
/// them in order for the few that are leased.
const READY: &str = "state = 'owed' AND +not_before_ms <= ?2 AND NOT EXISTS (SELECT 1 FROM outbox_needs n JOIN outbox o ON o.id = n.needs WHERE n.row = outbox.id AND o.state IN ('owed', 'sending'))";

struct Row {
    id: i64,
    op: String,
    asset: Option<String>,
    collection: Option<String>,
    document: Option<String>,
    key: String,
    attempts: u32,
    replaces: Option<String>,
    session: Option<String>,
}

pub(crate) fn ready_rows() -> String {
    format!(
        "SELECT id, op, asset, collection, document, key, attempts, replaces, session FROM outbox WHERE destination = ?1 AND {READY} AND (size_bytes > {SMALL_BYTES}) = ?4 ORDER BY id LIMIT ?3"
    )
}

/// Leases every ready row of one document.
pub(crate) fn ready_records() -> String {
    format!(
        "UPDATE outbox SET state = 'sending', lease = ?4, lease_until_ms = ?5 WHERE op = 'put_record' AND destination = ?1 AND key = ?3 AND {READY}"
    )
}

fn ready(sql: &Connection, destination: &str, now_ms: i64, limit: u32, is_large: bool) -> Result<Vec<Row>, Fault> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    rows::all(sql, &ready_rows(), params![destination, now_ms, limit, is_large], |row| {
        Ok(Row {
            id: row.get(0)?,
            op: row.get(1)?,
            asset: row.get(2)?,
            collection: row.get(3)?,
            document: row.get(4)?,
            key: row.get(5)?,
            attempts: row.get(6)?,
            replaces: row.get(7)?,
            session: row.get(8)?,
        })
    })
}

pub(super) fn lease_due(write: &mut Write<'_>, destination: &str, wanted: &Wanted) -> Result<Leased, Fault> {
    for lease in &wanted.held {
        rows::change(
            write.sql,
            "UPDATE outbox SET lease_until_ms = ?2 WHERE lease = ?1 AND state = 'sending'",
            params![lease, write.now_ms + LEASE_MS],
        )?;
    }
    // Whoever held these has not come back in time; putting twice is harmless, forgetting is not.
    rows::change(
        write.sql,
        "UPDATE outbox SET state = 'owed', lease = 0 WHERE destination = ?1 AND state = 'sending' AND lease_until_ms < ?2",
        params![destination, write.now_ms],
    )?;
    if wanted.at_once {
        let hurried = "UPDATE outbox SET not_before_ms = ?2 WHERE destination = ?1 AND state = 'owed' AND not_before_ms > ?2";
        rows::change(write.sql, hurried, params![destination, write.now_ms])?;
    }
    let mut due: Vec<Due> = Vec::new();
    let mut found = ready(write.sql, destination, write.now_ms, wanted.small, false)?;
    found.extend(ready(write.sql, destination, write.now_ms, wanted.large, true)?);
    for row in found {
        let token = write.next_token();
        let id = row.id;
        let leased = match row.op.as_str() {
            "put_record" => lease_record(write, destination, row, token),
            "put_object" => lease_object(write, destination, row, token).map(Some),
            "delete_object" | "delete_record" => lease_removal(write, row, token).map(Some),
            other => Err(Fault::new(Code::Unexpected, "lease outbox row").with("op", other)),
        };
        match leased {
            Ok(leased) => due.extend(leased),
            // One row that cannot be read must not stop the others; a start with a program that can read it sends it.
            Err(fault) => refuse_row(write, id, &fault)?,
        }
    }
    let [_, _, _, next, _] = BACKLOG;
    let next_ms =
        if due.is_empty() { rows::one(write.sql, next, [destination], |row| row.get::<_, Option<i64>>(0))?.flatten() } else { None };
    Ok(Leased { rows: due, next_ms })
}

fn refuse_row(write: &Write<'_>, id: i64, fault: &Fault) -> Result<(), Fault> {
    rows::change(
        write.sql,
        "UPDATE outbox SET state = 'refused', last_fault = ?2, done_ms = ?3 WHERE id = ?1",
        params![id, json(fault)?, write.now_ms],
    )?;
    Ok(())
}

fn lease_object(write: &mut Write<'_>, destination: &str, row: Row, token: i64) -> Result<Due, Fault> {
    let id = row.asset.unwrap_or_default();
    let asset = Box::new(assets::load(write.sql, &id)?);
    rows::change(
        write.sql,
        "UPDATE outbox SET state = 'sending', lease = ?2, lease_until_ms = ?3 WHERE id = ?1",
        params![row.id, token, write.now_ms + LEASE_MS],
    )?;
    rows::change(
        write.sql,
        "UPDATE deliveries SET state = 'sending' WHERE asset = ?1 AND destination = ?2 AND key = ?3",
        params![id, destination, row.key],
    )?;
    let before = rows::one(
        write.sql,
        "SELECT d.proof FROM deliveries d JOIN assets a ON a.id = d.asset WHERE d.destination = ?1 AND d.key = ?2 AND d.proof IS NOT NULL AND a.version < ?3 ORDER BY a.version DESC LIMIT 1",
        params![destination, row.key, asset.version],
        |row| row.get::<_, String>(0),
    )?;
    // What an audit was told to write over counts more than what we had proven before.
    let replaces: Option<Proof> = row.replaces.or(before).and_then(|text| serde_json::from_str(&text).ok());
    Ok(Due {
        row: row.id,
        lease: token,
        attempts: row.attempts,
        session: row.session,
        work: Work::PutObject { asset, key: row.key, replaces },
    })
}

fn lease_removal(write: &mut Write<'_>, row: Row, token: i64) -> Result<Due, Fault> {
    rows::change(
        write.sql,
        "UPDATE outbox SET state = 'sending', lease = ?2, lease_until_ms = ?3 WHERE id = ?1",
        params![row.id, token, write.now_ms + LEASE_MS],
    )?;
    let work = if row.op == "delete_object" {
        Work::DeleteObject { key: row.key }
    } else {
        Work::DeleteRecord { collection: row.collection.unwrap_or_default(), id: row.document.unwrap_or_default() }
    };
    Ok(Due { row: row.id, lease: token, attempts: row.attempts, session: None, work })
}

/// Leases every ready row of the document at once: one write pays them all. None while another write of it is under way.
fn lease_record(write: &mut Write<'_>, destination: &str, row: Row, token: i64) -> Result<Option<Due>, Fault> {
    let under_way = rows::number(
        write.sql,
        "SELECT count(*) FROM outbox WHERE op = 'put_record' AND destination = ?1 AND key = ?2 AND state = 'sending'",
        params![destination, row.key],
    )?;
    if under_way > 0 {
        return Ok(None);
    }
    lease_ready(write, destination, &row.key, token)?;
    let work = Work::PutRecord { collection: row.collection.unwrap_or_default(), id: row.document.unwrap_or_default() };
    Ok(Some(Due { row: row.id, lease: token, attempts: row.attempts, session: None, work }))
}

pub(super) fn lease_ready(write: &Write<'_>, destination: &str, key: &str, token: i64) -> Result<(), Fault> {
    rows::change(write.sql, &ready_records(), params![destination, write.now_ms, key, token, write.now_ms + LEASE_MS])?;
    Ok(())
}

pub(super) fn lease_lost(due: &Due) -> Fault {
    Fault::new(Code::LeaseLost, "settle outbox row").with("row", due.row)
}
