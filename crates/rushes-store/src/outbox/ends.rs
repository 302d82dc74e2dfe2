//! How a leased row of the outbox ends: paid because what it owed is proven, put off, or refused.

use super::lease::lease_lost;
use crate::assets;
use crate::events::tell;
use crate::register;
use crate::rows::{self, ASSET, ASSET_COLUMNS, Finding, Telling, json};
use crate::settle::settle;
use crate::sql::{Sql, params};
use crate::writer::Write;
use rushes_core::delivery::{COPIED_ABOVE_BYTES, Due, Held, Routes, Work};
use rushes_core::{Asset, AssetId, Fault, JobId};
use serde_json::json as object;
use std::sync::{Arc, LazyLock};

/// Pays every row under a lease; says of each whether a newer one of its key, or one of equal bytes, waits for it, and whether
/// objects are still to be removed that may wait for it: one of a record, or one that may be copied.
pub(crate) static PAYING: LazyLock<Telling> = LazyLock::new(|| {
    let awaited = "EXISTS (SELECT 1 FROM outbox newer WHERE newer.op = outbox.op AND newer.destination = outbox.destination
        AND newer.key = outbox.key AND newer.rev > outbox.rev AND newer.state = 'owed')";
    let copied = format!(
        "size_bytes > {COPIED_ABOVE_BYTES} AND EXISTS (SELECT 1 FROM assets mine CROSS JOIN assets a ON a.sha256 = mine.sha256
        CROSS JOIN deliveries d ON d.asset = a.id AND d.destination = outbox.destination AND d.state = 'owed' WHERE mine.id = outbox.asset)"
    );
    let holds = format!(
        "(op IN ('put_record', 'delete_record') OR size_bytes > {COPIED_ABOVE_BYTES}) AND EXISTS (SELECT 1 FROM outbox gone
        INDEXED BY outbox_removals WHERE gone.op = 'delete_object' AND gone.state = 'owed')"
    );
    let sets = "state = 'done', done_ms = ?2, attempts = attempts + 1, last_fault = NULL, session = NULL";
    let finding = Finding { which: "lease = ?1 AND state = 'sending'", column: "id", again: "id = ?3" };
    Telling::new("outbox", sets, &finding, &format!("root, {awaited} OR ({copied}), {holds}"))
});

/// Marks every row under the lease. The families that waited for them may owe nothing more.
pub(super) fn pay(write: &mut Write<'_>, due: &Due) -> Result<(), Fault> {
    let paid = PAYING.change(write.sql, (params![due.lease], params![write.now_ms]), |row| {
        Ok((rows::parsed_or_none::<JobId>(row, 0)?, row.get::<_, bool>(1)?, row.get::<_, bool>(2)?))
    })?;
    if paid.is_empty() {
        return Err(lease_lost(due));
    }
    // A record may wait for another write of its document, whichever of the two is newer.
    if !matches!(due.work, Work::PutObject { .. }) || paid.iter().any(|(_, is_awaited, _)| *is_awaited) {
        write.wakes.place(&due.destination);
    }
    // Objects go after the records that named them.
    if paid.iter().any(|(_, _, holds)| *holds) {
        write.wakes.everywhere();
    }
    paid.into_iter().filter_map(|(root, ..)| root).for_each(|root| write.following.settles(root));
    Ok(())
}

/// Every asset with these bytes at this path is delivered by this one object.
pub(crate) static PROVEN: LazyLock<Telling> = LazyLock::new(|| {
    let sets = "state = 'proven', uri = ?6, proof = ?7, proven_ms = ?8, last_fault = NULL, link = ?9, link_until_ms = ?10, rendition = ?11";
    let finding = Finding {
        which: "destination = ?1 AND key = ?2
            AND EXISTS (SELECT 1 FROM assets a WHERE a.id = deliveries.asset AND a.path = ?3 AND a.sha256 = ?4 AND a.version = ?5)",
        column: "asset",
        again: "asset = ?12 AND destination = ?1 AND key = ?2",
    };
    Telling::new("deliveries", sets, &finding, "asset")
});

pub(super) fn proven(write: &mut Write<'_>, due: &Due, held: &Held, routes: &Routes) -> Result<(), Fault> {
    let Work::PutObject { asset, key, .. } = &due.work else { return Err(lease_lost(due)) };
    pay(write, due)?;
    // Records wait for objects.
    routes.catalogs.iter().for_each(|catalog| write.wakes.place(&catalog.name));
    let link = held.link.as_ref().map(json).transpose()?;
    let until_ms = held.link.as_ref().and_then(|link| link.until_ms);
    let rendition = held.rendition.as_ref().map(json).transpose()?;
    let delivered = PROVEN.change(
        write.sql,
        (
            params![due.destination, key, asset.path, asset.blob.sha256, asset.version],
            params![held.uri, json(&held.proof)?, write.now_ms, link, until_ms, rendition],
        ),
        |row| rows::parsed::<AssetId>(row, 0),
    )?;
    let data = object!({"asset": asset.id, "kind": asset.kind, "destination": due.destination, "uri": held.uri, "ms": write.now_ms - asset.created_ms});
    tell(write, "delivery.proven", Some(asset.job), &data)?;
    let sharers = match due.root {
        Some(root) if delivered == [asset.id] => vec![(asset.clone(), root)],
        _ => sharers(write.sql, &asset.id.to_string())?,
    };
    for (sharer, root) in sharers {
        let is_original = held.rendition.is_none() && delivered.contains(&sharer.id);
        if is_told_of(write.sql, &sharer, &due.destination, is_original, routes)? {
            if let Some(document) = register::document_of(write, sharer.kind, &sharer.subject, &sharer.id.to_string())? {
                write.following.tells(document, root);
            }
            write.following.mirrors(root);
        }
        write.following.settles(root);
    }
    Ok(())
}

/// Whether records tell of what this destination has of an asset. An original at the first destination of all is what they
/// tell of, so that most often nobody need look what else there is.
fn is_told_of(sql: &Sql<'_>, asset: &Asset, destination: &str, is_original: bool, routes: &Routes) -> Result<bool, Fault> {
    if is_original && routes.destinations.first().is_some_and(|first| first.name == destination) {
        return Ok(true);
    }
    let deliveries = assets::deliveries(sql, &asset.id.to_string())?;
    Ok(routes.primary(&deliveries).is_some_and(|primary| primary.destination == destination))
}

/// The current assets that one object delivers, itself among them, each with the family that made it.
fn sharers(sql: &Sql<'_>, asset: &str) -> Result<Vec<(Arc<Asset>, JobId)>, Fault> {
    let query = format!(
        "SELECT {ASSET}, a.root FROM assets of JOIN assets a ON a.path = of.path AND a.version = of.version AND a.sha256 = of.sha256
         JOIN blobs b ON b.sha256 = a.sha256 WHERE of.id = ?1 AND (a.retired_ms IS NULL OR a.id = of.id)"
    );
    rows::all(sql, &query, [asset], |row| Ok((Arc::new(rows::asset(row)?), rows::parsed(row, ASSET_COLUMNS)?)))
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
    match again_ms {
        Some(_) => write.wakes.place(&due.destination),
        // Whatever waited for it need wait no more.
        None => write.wakes.everywhere(),
    }
    for (destination, asset, key, root) in hit {
        let mut families: Vec<JobId> = root.and_then(|id| id.parse().ok()).into_iter().collect();
        for (sharer, root) in sharers(write.sql, asset.as_deref().unwrap_or_default())? {
            rows::change(
                write.sql,
                "UPDATE deliveries SET state = ?4, last_fault = ?5 WHERE asset = ?1 AND destination = ?2 AND key = ?3",
                params![sharer.id.to_string(), destination, key, state, text],
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
