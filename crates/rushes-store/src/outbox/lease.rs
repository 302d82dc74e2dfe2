//! Which rows of the outbox are due, and who has them for now.

use super::backlog::NEXT;
use crate::rows::{self, ASSET, json};
use crate::settle::settle;
use crate::sql::{Read, Sql, params};
use crate::writer::Write;
use rushes_core::delivery::{COPIED_ABOVE_BYTES, Due, Leased, Routes, SMALL_MAX_BYTES, Wanted, Work};
use rushes_core::destination::Proof;
use rushes_core::{Asset, Code, Fault, JobId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long a row's lease lasts without renewal; its sender renews it whenever it asks for more.
const LEASE_MS: i64 = 15_000;
/// Who has the bytes sends them; after this long others try, who may find them where they were put for all nodes.
const OTHERS_AFTER_MS: i64 = 10_000;
/// Files up to this size never wait behind larger ones. The index `outbox_ready` is made for this very number.
const SMALL_BYTES: u64 = SMALL_MAX_BYTES;

/// The plus keeps the database from finding rows by their time: that finds every row that is owed, to look at each and put
/// them in order for the few that are leased. What waits for something refused need wait no more; but an object goes only
/// after a record without it was really written, by that row or by a newer one. The copies of an asset's object count not:
/// there its bytes can be sent as well.
const READY: &str = "state = 'owed' AND +not_before_ms <= ?2 AND NOT EXISTS (SELECT 1 FROM outbox_needs n JOIN outbox o ON o.id = n.needs
    WHERE n.row = outbox.id AND (o.state IN ('owed', 'sending') OR (outbox.op = 'delete_object' AND o.state <> 'done'
        AND NOT (o.op = 'put_object' AND outbox.asset IS NOT NULL) AND NOT EXISTS (SELECT 1 FROM outbox w WHERE w.op = o.op AND w.destination = o.destination AND w.key = o.key AND w.rev > o.rev
            AND w.state = 'done'))))";

/// A removal waits while its object is just being put.
const UNPUT: &str =
    "(op <> 'delete_object' OR NOT EXISTS (SELECT 1 FROM outbox put WHERE put.op = 'put_object' AND put.destination = outbox.destination
    AND put.key = outbox.key AND put.state = 'sending'))";

/// What is put under a key is to be removed from there.
pub(crate) const IS_TO_GO: &str =
    "SELECT EXISTS (SELECT 1 FROM outbox WHERE op = 'delete_object' AND destination = ?1 AND key = ?2 AND rev = ?3)";

/// A current asset is delivered under a key.
pub(crate) const IS_CURRENT: &str = "SELECT EXISTS (SELECT 1 FROM deliveries d JOIN assets a ON a.id = d.asset
    WHERE d.destination = ?1 AND d.key = ?2 AND a.retired_ms IS NULL)";

/// Nobody is writing the document of such a row.
const UNTOUCHED: &str = "(op <> 'put_record' OR key NOT IN
    (SELECT other.key FROM outbox other WHERE other.destination = ?1 AND other.state = 'sending' AND other.op = 'put_record'))";

/// A record that is leased tells of the last that its job had to deliver.
pub(crate) const IS_LAST: &str = "SELECT EXISTS (SELECT 1 FROM outbox o CROSS JOIN jobs j ON j.id = o.root
    WHERE o.lease = ?1 AND o.state = 'sending' AND j.state = 'delivering' AND NOT EXISTS (SELECT 1 FROM outbox
        WHERE root = o.root AND (state = 'owed' OR state = 'sending' OR state = 'refused') AND state <> 'refused' AND op = 'put_object'))";

struct Row {
    id: i64,
    op: String,
    collection: Option<String>,
    document: Option<String>,
    key: String,
    attempts: u32,
    replaces: Option<String>,
    session: Option<String>,
    root: Option<JobId>,
    is_elsewhere: bool,
    /// What is put, where that is what it asks for. One that cannot be read must not stop the others.
    asset: Read<Asset>,
}

pub(crate) fn ready_rows() -> String {
    format!(
        "SELECT ready.id, op, collection, document, key, attempts, replaces, session, a.root,
             coalesce(b.size_bytes, 0) > {COPIED_ABOVE_BYTES} AND EXISTS (SELECT 1 FROM assets equal CROSS JOIN deliveries d
                 ON d.asset = equal.id AND d.destination = ?1 WHERE equal.sha256 = b.sha256 AND d.state = 'proven' AND d.key <> ready.key),
             {ASSET} FROM
             (SELECT id, op, asset, collection, document, key, attempts, replaces, session FROM outbox
              WHERE destination = ?1 AND {READY} AND op <> 'ensure_folder' AND {UNTOUCHED} AND {UNPUT} AND (home IS NULL OR home = ?5 OR created_ms < ?2 - {OTHERS_AFTER_MS}) AND (size_bytes > {SMALL_BYTES}) = (?4 = 1) ORDER BY id LIMIT ?3) ready
         LEFT JOIN assets a ON a.id = ready.asset LEFT JOIN blobs b ON b.sha256 = a.sha256 ORDER BY ready.id"
    )
}

/// Folders that are to be made. They have an index of their own: however much else is owed, they are found at once.
pub(crate) fn ready_folders() -> String {
    format!(
        "SELECT id, key, attempts FROM outbox INDEXED BY outbox_folders
         WHERE destination = ?1 AND op = 'ensure_folder' AND state IN ('owed', 'sending') AND {READY} ORDER BY id LIMIT ?3"
    )
}

/// Leases every ready row of one document, unless another write of it is under way.
pub(crate) fn ready_records() -> String {
    format!(
        "UPDATE outbox SET state = 'sending', lease = ?4, lease_until_ms = ?5 WHERE op = 'put_record' AND destination = ?1 AND key = ?3 AND {READY}
         AND NOT EXISTS (SELECT 1 FROM outbox other WHERE other.op = 'put_record' AND other.destination = ?1 AND other.key = ?3
             AND other.state = 'sending' AND other.lease <> ?4)"
    )
}

/// Leases the rows that a JSON object names, each under its own lease; and says so of the deliveries they are to pay.
pub(crate) const LEASE: [&str; 2] = [
    "UPDATE outbox SET state = 'sending', lease = CAST(leased.value AS BIGINT), lease_until_ms = ?2 FROM json_each(?1) leased
     WHERE outbox.id = CAST(leased.key AS BIGINT)",
    "UPDATE deliveries SET state = 'sending' WHERE (asset, destination, key) IN
         (SELECT o.asset, o.destination, o.key FROM json_each(?1) leased CROSS JOIN outbox o ON o.id = CAST(leased.key AS BIGINT)
          WHERE o.op = 'put_object')",
];

/// Renews leases; and has those be due again that nobody has renewed.
pub(crate) const RENEW: [&str; 2] = [
    "UPDATE outbox SET lease_until_ms = ?2 WHERE state = 'sending' AND lease IN (SELECT CAST(value AS BIGINT) FROM json_each(?1))",
    "UPDATE outbox SET state = 'owed', lease = 0 WHERE destination = ?1 AND state = 'sending' AND lease_until_ms < ?2",
];

fn ready(write: &Write<'_>, destination: &str, limit: u32, is_large: bool) -> Result<Vec<Row>, Fault> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    rows::all(write.sql, &ready_rows(), params![destination, write.now_ms, limit, is_large, write.node], |row| {
        Ok(Row {
            id: row.get(0)?,
            op: row.get(1)?,
            collection: row.get(2)?,
            document: row.get(3)?,
            key: row.get(4)?,
            attempts: row.get(5)?,
            replaces: row.get(6)?,
            session: row.get(7)?,
            root: rows::parsed_or_none(row, 8)?,
            is_elsewhere: row.get(9)?,
            asset: rows::asset_at(row, 10),
        })
    })
}

/// What is to be made of folders now, and the leases of their rows: those that failed before each by itself, so that one which
/// cannot be made keeps no other from it.
fn folders(write: &mut Write<'_>, destination: &str, wanted: &Wanted) -> Result<(Vec<Due>, BTreeMap<i64, i64>), Fault> {
    if wanted.folders == 0 {
        return Ok((Vec::new(), BTreeMap::new()));
    }
    let found = rows::all(write.sql, &ready_folders(), params![destination, write.now_ms, wanted.folders], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, u32>(2)?))
    })?;
    let (mut all, mut leases): (Vec<Due>, _) = (Vec::new(), BTreeMap::new());
    for (row, key, attempts) in found {
        let batch = all.iter_mut().find(|due| wanted.is_batch && attempts == 0 && due.attempts == 0);
        if let Some(Due { lease, work: Work::EnsureFolders { keys }, .. }) = batch {
            keys.push(key);
            leases.insert(row, *lease);
            continue;
        }
        let (lease, work) = (write.next_token(), Work::EnsureFolders { keys: vec![key] });
        all.push(Due { row, destination: destination.to_owned(), root: None, lease, attempts, session: None, work });
        leases.insert(row, lease);
    }
    Ok((all, leases))
}

pub(super) fn lease_due(write: &mut Write<'_>, destination: &str, wanted: &Wanted, routes: &Routes) -> Result<Leased, Fault> {
    if let Some(held) = &wanted.held {
        let [renew, run_out] = RENEW;
        if !held.is_empty() {
            rows::change(write.sql, renew, params![json(held)?, write.now_ms + LEASE_MS])?;
        }
        // Whoever held these has not come back in time; putting twice is harmless, forgetting is not.
        rows::change(write.sql, run_out, params![destination, write.now_ms])?;
    }
    if wanted.at_once {
        let hurried = "UPDATE outbox SET not_before_ms = ?2 WHERE destination = ?1 AND state = 'owed' AND not_before_ms > created_ms AND not_before_ms > ?2";
        rows::change(write.sql, hurried, params![destination, write.now_ms])?;
    }
    let (mut due, folders) = folders(write, destination, wanted)?;
    let more_folders = wanted.folders > 0 && folders.len() >= wanted.folders as usize;
    let small = ready(write, destination, wanted.small, false)?;
    let large = ready(write, destination, wanted.large, true)?;
    let is_full = |found: &[Row], wanted: u32| found.len() >= wanted as usize;
    let (more_small, more_large) = (is_full(&small, wanted.small), is_full(&large, wanted.large));
    let mut documents = BTreeSet::new();
    for row in small.into_iter().chain(large) {
        // One write pays all that is ready of a document.
        if row.op == "put_record" && !documents.insert(row.key.clone()) {
            continue;
        }
        if is_superseded(write, destination, &row, routes)? {
            continue;
        }
        let (id, token) = (row.id, write.next_token());
        match due_of(write, destination, row, token) {
            Ok(one) => due.extend(one),
            // A start with a program that can read it sends it.
            Err(fault) => refuse_row(write, id, &fault)?,
        }
    }
    lease(write, &due, folders)?;
    let next_ms = if more_small && more_large {
        None
    } else {
        rows::one(write.sql, NEXT, params![destination, write.now_ms], |row| row.get::<_, Option<i64>>(0))?.flatten()
    };
    Ok(Leased { rows: due, more_small, more_large, more_folders, next_ms })
}

/// Leases rows, all of them at once, those of folders by `leases`; those of records are leased already, with the others of their document.
fn lease(write: &Write<'_>, due: &[Due], mut leases: BTreeMap<i64, i64>) -> Result<(), Fault> {
    let single = due.iter().filter(|due| !matches!(due.work, Work::PutRecord { .. }));
    leases.extend(single.map(|due| (due.row, due.lease)));
    if leases.is_empty() {
        return Ok(());
    }
    let ([rows, deliveries], leases) = (LEASE, json(&leases)?);
    rows::change(write.sql, rows, params![leases, write.now_ms + LEASE_MS])?;
    if due.iter().any(|due| matches!(due.work, Work::PutObject { .. })) {
        rows::change(write.sql, deliveries, [leases])?;
    }
    Ok(())
}

fn refuse_row(write: &Write<'_>, id: i64, fault: &Fault) -> Result<(), Fault> {
    rows::change(
        write.sql,
        "UPDATE outbox SET state = 'refused', last_fault = ?2, done_ms = ?3 WHERE id = ?1",
        params![id, json(fault)?, write.now_ms],
    )?;
    Ok(())
}

/// Whether a row is to remove what a newer asset has taken the place of, or to put what is to be removed; then nobody waits for
/// it any more.
fn is_superseded(write: &mut Write<'_>, destination: &str, row: &Row, routes: &Routes) -> Result<bool, Fault> {
    let is_so = match (row.op.as_str(), &row.asset) {
        ("delete_object", _) => rows::number(write.sql, IS_CURRENT, params![destination, row.key])? == 1,
        ("put_object", Ok(asset)) if asset.retired_ms.is_some() => {
            rows::number(write.sql, IS_TO_GO, params![destination, row.key, asset.version])? == 1
                && rows::number(write.sql, IS_CURRENT, params![destination, row.key])? == 0
        }
        _ => false,
    };
    if !is_so {
        return Ok(false);
    }
    let superseded = "UPDATE outbox SET state = 'superseded', done_ms = ?2 WHERE id = ?1";
    rows::change(write.sql, superseded, params![row.id, write.now_ms])?;
    write.wakes.place(destination);
    row.root.map_or(Ok(()), |root| settle(write, root, routes))?;
    Ok(true)
}

/// What a ready row asks for; None while another write of its document is under way.
fn due_of(write: &mut Write<'_>, destination: &str, row: Row, token: i64) -> Result<Option<Due>, Fault> {
    let document = |row: Row| (row.collection.unwrap_or_default(), row.document.unwrap_or_default());
    let (id, attempts, session) = (row.id, row.attempts, row.session.clone());
    let (work, root) = match row.op.as_str() {
        "put_object" => {
            let asset = Arc::new(row.asset?);
            let before =
                if row.replaces.is_none() && asset.version > 1 { before(write.sql, destination, &row.key, asset.version)? } else { None };
            // What an audit was told to write over counts more than what we had proven before.
            let replaces: Option<Proof> = row.replaces.or(before).and_then(|text| serde_json::from_str(&text).ok());
            (Work::PutObject { asset, key: row.key, replaces, is_elsewhere: row.is_elsewhere }, row.root)
        }
        "put_record" if lease_ready(write, destination, &row.key, token)? == 0 => return Ok(None),
        "put_record" => {
            let (collection, id) = document(row);
            (Work::PutRecord { collection, id, is_last: rows::number(write.sql, IS_LAST, [token])? == 1 }, None)
        }
        "delete_object" => (Work::DeleteObject { key: row.key }, row.root),
        "remove_folder" => (Work::RemoveFolder { key: row.key }, row.root),
        "delete_record" => {
            let (collection, id) = document(row);
            (Work::DeleteRecord { collection, id }, None)
        }
        other => return Err(Fault::new(Code::Unexpected, "lease outbox row").with("op", other)),
    };
    Ok(Some(Due { row: id, destination: destination.to_owned(), root, lease: token, attempts, session, work }))
}

/// The proof of the last earlier version that was proven under a key.
fn before(sql: &Sql<'_>, destination: &str, key: &str, version: u32) -> Result<Option<String>, Fault> {
    rows::one(
        sql,
        "SELECT d.proof FROM deliveries d JOIN assets a ON a.id = d.asset WHERE d.destination = ?1 AND d.key = ?2 AND d.proof IS NOT NULL AND a.version < ?3 ORDER BY a.version DESC LIMIT 1",
        params![destination, key, version],
        |row| row.get(0),
    )
}

/// Leases what is ready of a document; gives how many rows that are.
pub(super) fn lease_ready(write: &Write<'_>, destination: &str, key: &str, token: i64) -> Result<usize, Fault> {
    rows::change(write.sql, &ready_records(), params![destination, write.now_ms, key, token, write.now_ms + LEASE_MS])
}

pub(crate) fn lease_lost(due: &Due) -> Fault {
    Fault::new(Code::LeaseLost, "settle outbox row").with("row", due.row)
}
