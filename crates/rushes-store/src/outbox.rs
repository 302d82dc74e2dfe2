//! The outbox: leasing what is due, paying what is proven, putting off what failed.

use crate::assets;
use crate::events::tell;
use crate::register;
use crate::rows::{self, json};
use crate::settle::{mirror, settle};
use crate::snapshot;
use crate::sqlite::SqliteStore;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::catalog::Record;
use rushes_core::delivery::{Backlog, Due, Held, Leased, Owed, Routes, SMALL_MAX_BYTES, Wanted, Work};
use rushes_core::destination::Proof;
use rushes_core::store::Outbox;
use rushes_core::{Code, Fault, JobId};
use rusqlite::{Connection, params};
use serde_json::json as object;
use std::collections::{BTreeMap, BTreeSet};

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

fn lease_due(write: &mut Write<'_>, destination: &str, wanted: &Wanted) -> Result<Leased, Fault> {
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

fn lease_ready(write: &Write<'_>, destination: &str, key: &str, token: i64) -> Result<(), Fault> {
    rows::change(write.sql, &ready_records(), params![destination, write.now_ms, key, token, write.now_ms + LEASE_MS])?;
    Ok(())
}

fn lease_lost(due: &Due) -> Fault {
    Fault::new(Code::LeaseLost, "settle outbox row").with("row", due.row)
}

/// Marks every row under the lease; gives the families that waited for them.
fn pay(write: &mut Write<'_>, due: &Due) -> Result<Vec<JobId>, Fault> {
    let roots = rows::all(
        write.sql,
        "UPDATE outbox SET state = 'done', done_ms = ?2, attempts = attempts + 1, last_fault = NULL, session = NULL WHERE lease = ?1 AND state = 'sending' RETURNING root",
        params![due.lease, write.now_ms],
        |row| row.get::<_, Option<String>>(0),
    )?;
    if roots.is_empty() {
        return Err(lease_lost(due));
    }
    write.wakes.outbox = true;
    let mut families: Vec<JobId> = roots.into_iter().flatten().filter_map(|id| id.parse().ok()).collect();
    families.sort_unstable();
    families.dedup();
    Ok(families)
}

fn proven(write: &mut Write<'_>, due: &Due, held: &Held, routes: &Routes) -> Result<(), Fault> {
    let Work::PutObject { asset, key, .. } = &due.work else { return Err(lease_lost(due)) };
    let destination = rows::one(write.sql, "SELECT destination FROM outbox WHERE id = ?1", [due.row], |row| row.get::<_, String>(0))?;
    let destination = destination.ok_or_else(|| lease_lost(due))?;
    let mut families = pay(write, due)?;
    // Every asset with these bytes at this path is delivered by this one object.
    rows::change(
        write.sql,
        "UPDATE deliveries SET state = 'proven', uri = ?4, proof = ?5, proven_ms = ?6, last_fault = NULL, link = ?9, link_until_ms = ?10, rendition = ?11
         WHERE destination = ?1 AND key = ?2 AND asset IN (SELECT id FROM assets WHERE path = ?3 AND sha256 = ?7 AND version = ?8)",
        params![
            destination,
            key,
            asset.path,
            held.uri,
            json(&held.proof)?,
            write.now_ms,
            asset.blob.sha256,
            asset.version,
            held.link.as_ref().map(json).transpose()?,
            held.link.as_ref().and_then(|link| link.until_ms),
            held.rendition.as_ref().map(json).transpose()?
        ],
    )?;
    let data = object!({"asset": asset.id, "kind": asset.kind, "destination": destination, "uri": held.uri, "ms": write.now_ms - asset.created_ms});
    tell(write, "delivery.proven", Some(asset.job), &data)?;
    for (id, root) in sharers(write.sql, &asset.id.to_string())? {
        let (sharer, deliveries) = assets::with_deliveries(write.sql, &id)?;
        if routes.primary(&deliveries).is_some_and(|primary| primary.destination == destination) {
            register::owe_late_record(write, &sharer, Some(root), &routes.catalogs)?;
            mirror(write, root, &routes.catalogs)?;
        }
        families.push(root);
    }
    families.sort_unstable();
    families.dedup();
    for root in families {
        settle(write, root, routes)?;
    }
    Ok(())
}

/// The current assets that one object delivers, itself among them, each with the family that made it.
fn sharers(sql: &Connection, asset: &str) -> Result<Vec<(String, JobId)>, Fault> {
    rows::all(
        sql,
        "SELECT s.id, s.root FROM assets a JOIN assets s ON s.path = a.path AND s.version = a.version AND s.sha256 = a.sha256
         WHERE a.id = ?1 AND (s.retired_ms IS NULL OR s.id = a.id)",
        [asset],
        |row| Ok((row.get(0)?, rows::parsed(row, 1)?)),
    )
}

fn put_off(write: &mut Write<'_>, due: &Due, fault: &Fault, again_ms: Option<u64>, routes: &Routes) -> Result<(), Fault> {
    let state = if again_ms.is_some() { "owed" } else { "refused" };
    let not_before_ms = write.now_ms + again_ms.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0);
    let text = json(fault)?;
    let done_ms = again_ms.is_none().then_some(write.now_ms);
    let hit = rows::all(
        write.sql,
        "UPDATE outbox SET state = ?2, not_before_ms = ?3, attempts = attempts + 1, last_fault = ?4, done_ms = ?5 WHERE lease = ?1 AND state = 'sending' RETURNING destination, asset, key, root",
        params![due.lease, state, not_before_ms, text, done_ms],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, String>(2)?, row.get::<_, Option<String>>(3)?)),
    )?;
    if hit.is_empty() {
        return Err(lease_lost(due));
    }
    write.wakes.outbox = true;
    for (destination, asset, key, root) in hit {
        let mut families: Vec<JobId> = root.and_then(|id| id.parse().ok()).into_iter().collect();
        for (id, root) in sharers(write.sql, asset.as_deref().unwrap_or_default())? {
            rows::change(
                write.sql,
                "UPDATE deliveries SET state = ?4, last_fault = ?5 WHERE asset = ?1 AND destination = ?2 AND key = ?3",
                params![id, destination, key, state, text],
            )?;
            families.push(root);
        }
        families.sort_unstable();
        families.dedup();
        let data = object!({"asset": asset, "destination": destination, "key": key, "code": fault.code, "again_ms": again_ms});
        tell(write, &format!("delivery.{}", if again_ms.is_some() { "failed" } else { "refused" }), None, &data)?;
        for root in families.into_iter().filter(|_| again_ms.is_none()) {
            settle(write, root, routes)?;
        }
    }
    Ok(())
}

/// How many of those that ended last the latencies and the success rate are taken from.
const LAST: i64 = 1_000;

/// How many there are in a state, when the oldest open one was made, how long the last ones took; when the next is due;
/// how many failed so often.
pub(crate) const BACKLOG: [&str; 5] = [
    "SELECT count(*) FROM outbox WHERE destination = ?1 AND state = ?2",
    "SELECT coalesce(min(created_ms), ?2) FROM outbox WHERE destination = ?1 AND state IN ('owed', 'sending')",
    "SELECT done_ms - created_ms FROM outbox WHERE destination = ?1 AND state = 'done' ORDER BY done_ms DESC LIMIT ?2",
    "SELECT min(not_before_ms) FROM outbox WHERE destination = ?1 AND state = 'owed'",
    "SELECT count(*) FROM outbox WHERE destination = ?1 AND state IN ('owed', 'sending') AND attempts >= ?2",
];

fn backlog(sql: &Connection, destination: &str, now_ms: i64, alarm_after: u32) -> Result<Backlog, Fault> {
    let [counted, first, took, _, failing] = BACKLOG;
    let alarms = if alarm_after == 0 { 0 } else { rows::number(sql, failing, params![destination, alarm_after])?.unsigned_abs() };
    let count = |state: &str| rows::number(sql, counted, params![destination, state]).map(i64::unsigned_abs);
    let oldest = rows::number(sql, first, params![destination, now_ms])?;
    let mut took = rows::all(sql, took, params![destination, LAST], |row| row.get::<_, i64>(0))?;
    took.sort_unstable();
    let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1))).map_or(0, |ms| ms.unsigned_abs());
    let refused = count("refused")?;
    let (done, ended) = (took.len() as u64, took.len() as u64 + refused);
    #[expect(clippy::cast_precision_loss, reason = "seconds and shares for people")]
    Ok(Backlog {
        owed: count("owed")? + count("sending")?,
        refused,
        alarms,
        oldest_s: (now_ms - oldest).max(0) as f64 / 1_000.0,
        p50_ms: at(50),
        p95_ms: at(95),
        p99_ms: at(99),
        success_rate: if ended == 0 { 1.0 } else { done as f64 / ended as f64 },
    })
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn due(&self, destination: &str, wanted: Wanted) -> Result<Leased, Fault> {
        let destination = destination.to_owned();
        self.write(move |write| lease_due(write, &destination, &wanted)).await
    }

    async fn keep_session(&self, due: &Due, session: &str) -> Result<(), Fault> {
        let (due, session) = (due.clone(), session.to_owned());
        self.write(move |write| {
            let kept = "UPDATE outbox SET session = ?2 WHERE lease = ?1 AND state = 'sending'";
            if rows::change(write.sql, kept, params![due.lease, session])? == 0 { Err(lease_lost(&due)) } else { Ok(()) }
        })
        .await
    }

    async fn proven(&self, due: &Due, held: &Held) -> Result<(), Fault> {
        let (due, held, routes) = (due.clone(), held.clone(), self.routes.clone());
        self.write(move |write| proven(write, &due, &held, &routes)).await
    }

    async fn snapshot(&self, due: &Due) -> Result<Record, Fault> {
        let (due, routes) = (due.clone(), self.routes.clone());
        self.write(move |write| {
            let place = rows::one(write.sql, "SELECT destination, key FROM outbox WHERE id = ?1", [due.row], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            // What became ready since the lease is told too, so it is paid too.
            if let Some((destination, key)) = place {
                lease_ready(write, &destination, &key, due.lease)?;
            }
            snapshot::take(write, &due, &routes)
        })
        .await
    }

    async fn recorded(&self, due: &Due) -> Result<(), Fault> {
        let (due, routes) = (due.clone(), self.routes.clone());
        self.write(move |write| {
            let destination = rows::one(write.sql, "SELECT destination FROM outbox WHERE id = ?1", [due.row], |row| row.get::<_, String>(0))?;
            for root in pay(write, &due)? {
                settle(write, root, &routes)?;
            }
            match &due.work {
                Work::PutRecord { collection, id } => tell(write, "record.written", None, &object!({"collection": collection, "id": id})),
                Work::DeleteRecord { collection, id } => tell(write, "record.removed", None, &object!({"collection": collection, "id": id})),
                Work::DeleteObject { key } => {
                    // Only of what has expired: a newer asset may have taken the key.
                    rows::change(
                        write.sql,
                        "DELETE FROM deliveries WHERE destination = ?1 AND key = ?2 AND asset IN (SELECT id FROM assets WHERE retired_ms IS NOT NULL)",
                        params![destination, key],
                    )?;
                    tell(write, "object.removed", None, &object!({"destination": destination, "key": key}))
                }
                Work::PutObject { .. } => Err(lease_lost(&due)),
            }
        })
        .await
    }

    async fn failed(&self, due: &Due, fault: &Fault, again_ms: Option<u64>) -> Result<(), Fault> {
        let (due, fault, routes) = (due.clone(), fault.clone(), self.routes.clone());
        self.write(move |write| put_off(write, &due, &fault, again_ms, &routes)).await
    }

    async fn backlog(&self) -> Result<BTreeMap<String, Backlog>, Fault> {
        let (routes, now_ms) = (self.routes.clone(), self.clock.now_ms());
        self.read(move |sql| {
            let mut names: BTreeSet<String> =
                routes.destinations.iter().map(|route| route.name.clone()).chain(routes.catalogs.clone()).collect();
            // A place that is no longer configured is shown as long as something is owed to it.
            let open = "SELECT DISTINCT destination FROM outbox WHERE state IN ('owed', 'sending', 'refused')";
            names.extend(rows::all(sql, open, [], |row| row.get::<_, String>(0))?);
            names.into_iter().map(|name| Ok((name.clone(), backlog(sql, &name, now_ms, routes.alarm_after)?))).collect()
        })
        .await
    }

    async fn owed_by(&self, root: JobId) -> Result<Owed, Fault> {
        let routes = self.routes.clone();
        self.read(move |sql| {
            let id = root.to_string();
            let count = |states: &str| {
                rows::number(sql, &format!("SELECT count(*) FROM outbox WHERE root = ?1 AND state IN ({states})"), [&id])
                    .map(i64::unsigned_abs)
            };
            let mut open = count("'owed', 'sending'")?;
            for catalog in &routes.catalogs {
                let mirror = "SELECT count(*) FROM outbox WHERE op = 'put_record' AND destination = ?1
                              AND key = (SELECT collection || '/' || id FROM jobs WHERE id = ?2) AND state IN ('owed', 'sending')";
                open += rows::number(sql, mirror, params![catalog, id])?.unsigned_abs();
            }
            Ok(Owed { open, refused: count("'refused'")?, proven: count("'done'")? })
        })
        .await
    }
}
