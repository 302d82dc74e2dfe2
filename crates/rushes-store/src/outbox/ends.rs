//! How a leased row of the outbox ends: paid because what it owed is proven, put off, or refused.

use super::lease::lease_lost;
use crate::assets;
use crate::events::tell;
use crate::register;
use crate::rows::{self, json};
use crate::settle::{mirror, settle};
use crate::writer::Write;
use rushes_core::delivery::{Due, Held, Routes, Work};
use rushes_core::{Fault, JobId};
use rusqlite::{Connection, params};
use serde_json::json as object;

/// Marks every row under the lease; gives the families that waited for them.
pub(super) fn pay(write: &mut Write<'_>, due: &Due) -> Result<Vec<JobId>, Fault> {
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

pub(super) fn proven(write: &mut Write<'_>, due: &Due, held: &Held, routes: &Routes) -> Result<(), Fault> {
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

pub(super) fn put_off(write: &mut Write<'_>, due: &Due, fault: &Fault, again_ms: Option<u64>, routes: &Routes) -> Result<(), Fault> {
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
