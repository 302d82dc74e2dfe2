//! Assets whose days are over: retired, left out of every record, and then removed from every destination.
//!
//! A record never names an object that is gone: what removes an object waits for the records without it.

use super::owe::takes;
use crate::assets;
use crate::copies::wait_for_copies;
use crate::events::tell;
use crate::outbox::lease::IS_CURRENT;
use crate::register;
use crate::rows::{self, json};
use crate::settle::mirror;
use crate::sql::params;
use crate::writer::Write;
use rushes_core::delivery::{CatalogRoute, Routes};
use rushes_core::record::Document;
use rushes_core::{Asset, AssetId, Fault, JobId, Kind};
use serde_json::json as object;
use std::collections::{BTreeMap, BTreeSet};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Assets that expire in one transaction: others write in between.
pub(super) const EXPIRED_AT_ONCE: u32 = 200;

/// Retires some of one kind that are older than that, proven wherever the places that `?5` lists should have them, and of
/// no use to any job that has not ended: what such a job made, worked from, or was asked for by.
pub(crate) fn expire_of() -> String {
    let takes = takes("place.value");
    let goes_on = "j.state IN ('queued', 'running', 'delivering')";
    let asked = |which: &str| format!("NOT EXISTS (SELECT 1 FROM jobs j WHERE {which} AND instr(j.input, a.id) > 0)");
    format!(
        "UPDATE assets SET retired_ms = ?3 WHERE id IN (
            SELECT a.id FROM assets a INDEXED BY assets_by_kind WHERE a.kind = ?1 AND a.created_ms < ?2 AND a.retired_ms IS NULL
                AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.asset = a.id AND d.state IN ('owed', 'sending'))
                AND NOT EXISTS (SELECT 1 FROM json_each(?5) place WHERE {takes} AND NOT EXISTS (SELECT 1 FROM deliveries d
                    WHERE d.asset = a.id AND d.destination = json_extract(place.value, '$.name') AND d.state = 'proven'))
                AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = a.root AND {goes_on})
                AND NOT EXISTS (SELECT 1 FROM lineage l JOIN assets c ON c.id = l.asset JOIN jobs j ON j.id = c.root
                    WHERE l.parent = a.id AND {goes_on})
                AND {} AND {} AND {}
            ORDER BY a.created_ms LIMIT ?4) RETURNING id, path, subject",
        asked("j.state = 'running'"),
        asked("j.state = 'queued' AND j.in_turn = 0"),
        asked("j.state = 'queued' AND j.in_turn = 1"),
    )
}

/// Retired a moment ago, in this transaction.
struct Expired {
    id: String,
    kind: Kind,
    path: String,
    subject: String,
}

/// One slice of what expires; gives how many.
pub(super) fn expire(write: &mut Write<'_>, days: &BTreeMap<Kind, u32>, routes: &Routes) -> Result<u64, Fault> {
    let (places, mut left) = (json(&routes.destinations)?, EXPIRED_AT_ONCE);
    let mut all = Vec::new();
    for (&kind, &days) in days {
        let before_ms = write.now_ms - i64::from(days) * DAY_MS;
        let params = params![kind.name(), before_ms, write.now_ms, left, places];
        let found = rows::all(write.sql, &expire_of(), params, |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })?;
        left = left.saturating_sub(u32::try_from(found.len()).unwrap_or(left));
        for (id, path, subject) in found {
            tell(write, "asset.expired", None, &object!({"asset": id, "kind": kind, "days": days}))?;
            all.push(Expired { id, kind, path, subject });
        }
    }
    if !all.is_empty() {
        leave(write, &all, None, &routes.catalogs)?;
        write.wakes.everywhere();
    }
    Ok(all.len() as u64)
}

/// Retires these assets, which no set has any more, as if their days were over. Gives them. What is retired already stays so.
pub(crate) fn take_away(write: &mut Write<'_>, ids: &[AssetId], root: JobId, catalogs: &[CatalogRoute]) -> Result<Vec<Asset>, Fault> {
    let (mut gone, mut all) = (Vec::new(), Vec::new());
    for id in ids {
        let retired = rows::change(
            write.sql,
            "UPDATE assets SET retired_ms = ?2 WHERE id = ?1 AND retired_ms IS NULL",
            params![id.to_string(), write.now_ms],
        )?;
        if retired == 0 {
            continue;
        }
        let asset = assets::load(write.sql, &id.to_string())?;
        let facts = object!({"asset": asset.id, "kind": asset.kind, "subject": asset.subject, "path": asset.path});
        tell(write, "asset.gone", Some(asset.job), &facts)?;
        all.push(Expired { id: id.to_string(), kind: asset.kind, path: asset.path.clone(), subject: asset.subject.clone() });
        gone.push(asset);
    }
    if !all.is_empty() {
        leave(write, &all, Some(root), catalogs)?;
        write.wakes.everywhere();
    }
    Ok(gone)
}

/// Owes the records without these, and after them the removal of their objects, which this family of jobs waits for.
fn leave(write: &mut Write<'_>, all: &[Expired], waits: Option<JobId>, catalogs: &[CatalogRoute]) -> Result<(), Fault> {
    let mut documents = BTreeSet::new();
    let mut roots: BTreeSet<JobId> = BTreeSet::new();
    // By asset: the documents that named it.
    let mut named: Vec<Vec<String>> = Vec::with_capacity(all.len());
    for asset in all {
        let mut keys = Vec::new();
        if let Some(document) = register::document_of(write, asset.kind, &asset.subject, &asset.id)? {
            keys.push(document.key());
            if document.is_own {
                register::owe_no_record(write, document.collection, &asset.id)?;
            } else {
                documents.insert(document);
            }
        }
        // Every version that ever stood there has the same address, and jobs tell of those they made.
        let made = "SELECT DISTINCT root FROM assets WHERE path = ?1";
        for root in rows::all(write.sql, made, [&asset.path], |row| rows::parsed::<JobId>(row, 0))? {
            let mirrored = "SELECT collection || '/' || id FROM jobs WHERE id = ?1 AND collection IS NOT NULL";
            keys.extend(rows::one(write.sql, mirrored, [root.to_string()], |row| row.get::<_, String>(0))?);
            roots.insert(root);
        }
        named.push(keys);
    }
    for document in &documents {
        // One that is owed and not begun tells how it is then: it may have reasons to wait.
        if !is_owed(write, document, catalogs)? {
            register::owe_anew(write, document, catalogs)?;
        }
    }
    for root in roots {
        mirror(write, root, catalogs)?;
    }
    let mut told: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (asset, keys) in all.iter().zip(&named) {
        let mut needs = Vec::new();
        for key in keys {
            if !told.contains_key(key.as_str()) {
                told.insert(key, open_rows(write, key, catalogs)?);
            }
            needs.extend(&told[key.as_str()]);
        }
        remove(write, asset, waits, &needs)?;
    }
    Ok(())
}

/// A document as one catalog is still to write or to remove it.
pub(crate) const OPEN_ROWS: &str = "SELECT id FROM outbox WHERE op IN ('put_record', 'delete_record') AND destination = ?1 AND key = ?2
    AND state IN ('owed', 'sending')";

fn is_owed(write: &Write<'_>, document: &Document, catalogs: &[CatalogRoute]) -> Result<bool, Fault> {
    let owed = "SELECT EXISTS (SELECT 1 FROM outbox WHERE op = 'put_record' AND destination = ?1 AND key = ?2 AND state = 'owed')";
    for CatalogRoute { name: catalog, .. } in catalogs.iter().filter(|catalog| catalog.takes(document.collection)) {
        if rows::number(write.sql, owed, params![catalog, document.key()])? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn open_rows(write: &Write<'_>, key: &str, catalogs: &[CatalogRoute]) -> Result<Vec<i64>, Fault> {
    let mut open = Vec::new();
    for catalog in catalogs {
        open.extend(rows::all(write.sql, OPEN_ROWS, params![catalog.name, key], |row| row.get::<_, i64>(0))?);
    }
    Ok(open)
}

/// Owes the removal of what an asset has anywhere, after these rows. An object that other assets share stays theirs.
fn remove(write: &Write<'_>, asset: &Expired, waits: Option<JobId>, needs: &[i64]) -> Result<(), Fault> {
    let places = rows::all(write.sql, "SELECT destination, key FROM deliveries WHERE asset = ?1", [&asset.id], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    for (destination, key) in places {
        if rows::number(write.sql, IS_CURRENT, params![destination, key])? == 1 {
            let own = "DELETE FROM deliveries WHERE asset = ?1 AND destination = ?2 AND key = ?3";
            rows::change(write.sql, own, params![asset.id, destination, key])?;
            continue;
        }
        // From now on no record names it; its proof stays for who puts something else there before it is gone.
        let gone = "UPDATE deliveries SET uri = NULL, link = NULL, link_until_ms = NULL WHERE destination = ?1 AND key = ?2";
        rows::change(write.sql, gone, params![destination, key])?;
        let row = rows::one(
            write.sql,
            "INSERT INTO outbox(op, destination, asset, key, rev, root, state, not_before_ms, created_ms)
             SELECT 'delete_object', ?1, id, ?2, version, ?5, 'owed', ?4, ?4 FROM assets WHERE id = ?3
             ON CONFLICT(op, destination, key, rev) DO UPDATE SET state = 'owed', not_before_ms = excluded.not_before_ms, attempts = 0, root = excluded.root,
                 done_ms = NULL WHERE outbox.state <> 'sending' RETURNING id",
            params![destination, key, asset.id, write.now_ms, waits.map(|root| root.to_string())],
            |row| row.get::<_, i64>(0),
        )?;
        if let Some(row) = row {
            wait_for_copies(write, row, &destination, &asset.id, &key)?;
        }
        for needs in row.iter().flat_map(|_| needs) {
            let need = "INSERT INTO outbox_needs(row, needs) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            rows::change(write.sql, need, params![row, needs])?;
        }
    }
    Ok(())
}
