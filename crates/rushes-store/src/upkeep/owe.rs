//! What is made owed again, or for the first time: a subject, an asset, a document, all that a new destination lacks; and
//! what is refused because its place is gone.

use super::again_refused;
use crate::assets;
use crate::register;
use crate::rows::{self, ASSET, json};
use crate::settle::{self, owe_record};
use crate::sql::{Sql, params};
use crate::writer::Write;
use rushes_core::delivery::{Route, Routes};
use rushes_core::destination::Proof;
use rushes_core::kinds::KINDS;
use rushes_core::store::AssetFilter;
use rushes_core::{Asset, Code, Fault, JobId};

/// Owes all that a subject still owes.
pub(super) fn owe_subject(write: &mut Write<'_>, subject: &str, routes: &Routes) -> Result<u64, Fault> {
    let mut made = again_refused(write, "asset IN (SELECT id FROM assets WHERE subject = ?1)", subject)?;
    made += again_refused(write, "op = 'put_record' AND document = ?1", subject)?;
    made += rows::change(
        write.sql,
        "UPDATE outbox SET not_before_ms = 0 WHERE state = 'owed' AND not_before_ms > 0
         AND (asset IN (SELECT id FROM assets WHERE subject = ?1) OR (op = 'put_record' AND document = ?1))",
        [subject],
    )? as u64;
    write.wakes.everywhere();
    let listed = assets::list(write.sql, &AssetFilter { subject: Some(subject.to_owned()), ..AssetFilter::default() })?;
    for (asset, deliveries) in listed {
        let owner = register::owner_of(write, &asset.subject)?;
        for route in routes.of(asset.kind, owner) {
            if !deliveries.iter().any(|delivery| delivery.destination == route.name) {
                made += owe_object(write, &asset, &route.name, None, routes)?;
            }
        }
    }
    Ok(made)
}

/// Owes one asset to one destination, in place of what is there now.
pub(super) fn owe_object(
    write: &mut Write<'_>,
    asset: &Asset,
    destination: &str,
    there: Option<&Proof>,
    routes: &Routes,
) -> Result<u64, Fault> {
    let unknown = || Fault::new(Code::InputInvalid, "owe object").with("destination", destination).because("it is not configured");
    let route = routes.destinations.iter().find(|route| route.name == destination).ok_or_else(unknown)?;
    // What went there before the destination asked for renditions stays what it is, under its own key.
    let plain = format!("{}{}", route.prefix, asset.path);
    let known = "SELECT key FROM deliveries WHERE asset = ?1 AND destination = ?2 AND key = ?3";
    let known = rows::one(write.sql, known, params![asset.id.to_string(), destination, plain], |row| row.get::<_, String>(0))?;
    let key = known.unwrap_or_else(|| route.key_of(asset));
    let root = rows::one(write.sql, "SELECT root FROM assets WHERE id = ?1", [asset.id.to_string()], |row| row.get::<_, String>(0))?;
    let size_bytes = i64::try_from(asset.blob.size_bytes).unwrap_or(i64::MAX);
    let there = there.map(json).transpose()?;
    let made = rows::change(
        write.sql,
        "INSERT INTO outbox(op, destination, asset, key, rev, root, state, not_before_ms, size_bytes, created_ms, replaces)
         VALUES ('put_object', ?1, ?2, ?3, ?4, ?5, 'owed', ?6, ?7, ?6, ?8)
         ON CONFLICT(op, destination, key, rev) DO UPDATE SET state = 'owed', not_before_ms = 0, attempts = 0, done_ms = NULL,
             created_ms = excluded.created_ms, replaces = excluded.replaces, asset = excluded.asset WHERE outbox.state <> 'sending'",
        params![destination, asset.id.to_string(), key, asset.version, root, write.now_ms, size_bytes, there],
    )?;
    rows::change(
        write.sql,
        "INSERT INTO deliveries(asset, destination, key, state) VALUES (?1, ?2, ?3, 'owed')
         ON CONFLICT(asset, destination, key) DO UPDATE SET state = 'owed', proof = NULL, uri = NULL, proven_ms = NULL, link = NULL, link_until_ms = NULL,
             rendition = NULL",
        params![asset.id.to_string(), destination, key],
    )?;
    write.wakes.place(destination);
    Ok(made as u64)
}

/// Owes one document to one catalog, under a number above the one it has there.
pub(super) fn owe_document(write: &mut Write<'_>, catalog: &str, collection: &str, id: &str, above: u64) -> Result<u64, Fault> {
    let above = i64::try_from(above).unwrap_or(i64::MAX - 1);
    // A single asset keeps no number of its own; the outbox knows the last.
    let mut rev = rows::number(write.sql, register::LAST_REV, [format!("{collection}/{id}")])?.max(above) + 1;
    for table in ["subjects", "jobs"] {
        let raise = format!("UPDATE {table} SET rev = max(rev, ?2) + 1 WHERE id = ?1 RETURNING rev");
        if let Some(raised) = rows::one(write.sql, &raise, params![id, above], |row| row.get::<_, i64>(0))? {
            rev = raised;
        }
    }
    Ok(u64::from(owe_record(write, catalog, collection, id, rev, None)?.is_some()))
}

/// The place that a route, as JSON, leads to takes `a`.
pub(super) fn takes(route: &str) -> String {
    let here: Vec<String> = KINDS.iter().filter(|row| row.kind.stays_here()).map(|row| format!("'{}'", row.name)).collect();
    let here = here.join(", ");
    format!(
        "a.kind NOT IN ({here}) AND (json_extract({route}, '$.kinds') IS NULL OR a.kind IN (SELECT value FROM json_each({route}, '$.kinds')))
         AND (json_extract({route}, '$.subjects') IS NULL
              OR (SELECT type FROM subjects s WHERE s.id = a.subject) IN (SELECT value FROM json_each({route}, '$.subjects')))"
    )
}

const NEVER_ASKED: &str = "a.retired_ms IS NULL AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.asset = a.id AND d.destination = ?2)";

/// The assets written after a row that a destination should have and was never asked to take.
pub(crate) fn missing_of() -> String {
    format!("SELECT a.rowid, a.id FROM assets a WHERE a.rowid > ?3 AND {} AND {NEVER_ASKED} ORDER BY a.rowid LIMIT ?4", takes("?1"))
}

pub(super) fn missing(sql: &Sql<'_>, route: &Route, row: i64, limit: u32) -> Result<Vec<(i64, String)>, Fault> {
    rows::all(sql, &missing_of(), params![json(route)?, route.name, row, limit], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Owes a destination those it was still never asked to take.
pub(super) fn owe_missing(write: &mut Write<'_>, found: &[(i64, String)], destination: &str, routes: &Routes) -> Result<u64, Fault> {
    let query = format!("SELECT {ASSET} FROM assets a JOIN blobs b USING(sha256) WHERE a.id = ?1 AND {NEVER_ASKED}");
    let mut owed = 0;
    for (_, id) in found {
        if let Some(asset) = rows::one(write.sql, &query, params![id, destination], rows::asset)? {
            owed += owe_object(write, &asset, destination, None, routes)?;
        }
    }
    Ok(owed)
}

/// What is owed to one place.
pub(crate) const REFUSE_PLACE: &str = "UPDATE outbox SET state = 'refused', last_fault = ?1, done_ms = ?2
    WHERE destination = ?3 AND (state = 'owed' OR state = 'sending' OR state = 'refused') AND state <> 'refused' RETURNING asset, key, root";

/// Has removals wait no more for what is owed to one place.
pub(crate) const NO_WAIT: &str = "DELETE FROM outbox_needs
    WHERE row IN (SELECT id FROM outbox INDEXED BY outbox_removals WHERE op = 'delete_object' AND state = 'owed')
        AND needs IN (SELECT id FROM outbox WHERE destination = ?1 AND (state = 'owed' OR state = 'sending' OR state = 'refused'))";

/// Refuses what is owed to places that are no longer there.
pub(super) fn refuse_places(write: &mut Write<'_>, gone: &[String], routes: &Routes) -> Result<u64, Fault> {
    let fault = Fault::new(Code::DestinationRefused, "deliver")
        .because("this place is no longer in the configuration; put it back and start again");
    let text = json(&fault)?;
    let mut roots: Vec<JobId> = Vec::new();
    let mut refused = 0;
    for place in gone {
        // Objects that wait for a record there would wait for good.
        rows::change(write.sql, NO_WAIT, [place])?;
        let hit = rows::all(write.sql, REFUSE_PLACE, params![text, write.now_ms, place], |row| {
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, String>(1)?, rows::parsed_or_none::<JobId>(row, 2)?))
        })?;
        refused += hit.len() as u64;
        for (asset, key, root) in hit {
            rows::change(
                write.sql,
                "UPDATE deliveries SET state = 'refused', last_fault = ?4 WHERE asset = ?1 AND destination = ?2 AND key = ?3",
                params![asset, place, key, text],
            )?;
            roots.extend(root);
        }
    }
    roots.sort_unstable();
    roots.dedup();
    // Records that waited for what was refused need wait no more.
    write.wakes.everywhere();
    for root in roots {
        settle::settle(write, root, routes)?;
    }
    Ok(refused)
}
