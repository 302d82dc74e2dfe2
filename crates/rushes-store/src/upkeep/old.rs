//! What may go: assets whose days are over, and local bytes that nobody needs here.

use super::owe::takes;
use crate::events::tell;
use crate::register;
use crate::rows::{self, json};
use crate::writer::Write;
use rushes_core::delivery::Routes;
use rushes_core::kinds::{KINDS, Keep};
use rushes_core::{Blob, Fault, record};
use rusqlite::{Connection, params};
use serde_json::json as object;

/// A retired version stays this long, for jobs elsewhere that may still name it.
const RETIRED_MS: i64 = 60 * 60 * 1_000;
/// What a failed job kept back stays this long, for its retry.
const KEPT_BACK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Assets that expire in one transaction: others write in between.
pub(super) const EXPIRED_AT_ONCE: u32 = 200;

/// `a` is proven at each of the places that take it, of those `?1` lists, and its own bytes, no rendition, at one at least.
fn proven_everywhere() -> String {
    let takes = takes("place.value");
    let proven =
        "SELECT 1 FROM deliveries d WHERE d.asset = a.id AND d.destination = json_extract(place.value, '$.name') AND d.state = 'proven'";
    format!(
        "EXISTS (SELECT 1 FROM json_each(?1) place WHERE EXISTS ({proven} AND d.rendition IS NULL))
         AND NOT EXISTS (SELECT 1 FROM json_each(?1) place WHERE {takes} AND NOT EXISTS ({proven}))"
    )
}

/// Bytes that may go: of versions replaced before a moment, found from those; and of what is proven everywhere, in the
/// order in which they were used.
pub(crate) fn removable_of(is_retired: bool) -> String {
    let proven_everywhere = proven_everywhere();
    let current = "SELECT 1 FROM assets a WHERE a.sha256 = b.sha256 AND a.retired_ms IS NULL";
    let blob = "b.sha256, b.md5, b.crc32c, b.size_bytes, b.mime";
    if is_retired {
        return format!(
            "SELECT DISTINCT {blob} FROM assets old INDEXED BY assets_retired CROSS JOIN blobs b ON b.sha256 = old.sha256
             WHERE old.retired_ms <= ?2 AND b.state = 'present' AND NOT EXISTS ({current})
                 AND NOT EXISTS (SELECT 1 FROM assets r WHERE r.sha256 = b.sha256 AND (r.retired_ms > ?2
                     OR EXISTS (SELECT 1 FROM outbox o WHERE o.root = r.root AND o.state IN ('owed', 'sending') AND o.asset = r.id)
                     OR EXISTS (SELECT 1 FROM jobs j WHERE j.id = r.root AND (j.state IN ('queued', 'running', 'delivering')
                         OR r.version = 0 AND j.state = 'failed' AND j.ended_ms > ?2 - {KEPT_BACK_MS}))
                     OR EXISTS (SELECT 1 FROM assets a WHERE a.path = r.path AND a.retired_ms IS NULL AND NOT ({proven_everywhere}))))
             LIMIT ?3"
        );
    }
    format!(
        "SELECT {blob} FROM blobs b INDEXED BY blobs_by_use WHERE b.state = 'present' AND ?2 >= 0
             AND EXISTS ({current}) AND NOT EXISTS ({current} AND NOT ({proven_everywhere}))
         ORDER BY b.used_ms, b.sha256 LIMIT ?3"
    )
}

pub(super) fn removable(sql: &Connection, is_retired: bool, limit: u32, now_ms: i64, routes: &Routes) -> Result<Vec<Blob>, Fault> {
    if routes.destinations.is_empty() {
        return Ok(Vec::new());
    }
    let before_ms = (now_ms - RETIRED_MS).max(0);
    rows::all(sql, &removable_of(is_retired), params![json(&routes.destinations)?, before_ms, limit], |row| rows::blob(row, 0))
}

/// Retires some of one kind that are older than that. What is not yet delivered stays until it is: someone may be waiting
/// for it.
pub(crate) const EXPIRE: &str = "UPDATE assets SET retired_ms = ?3 WHERE id IN (
        SELECT a.id FROM assets a INDEXED BY assets_by_kind WHERE a.kind = ?1 AND a.created_ms < ?2 AND a.retired_ms IS NULL
            AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.asset = a.id AND d.state IN ('owed', 'sending'))
        ORDER BY a.created_ms LIMIT ?4) RETURNING id";

/// One slice of what expires; gives how many.
pub(super) fn expire(write: &mut Write<'_>) -> Result<u64, Fault> {
    let mut left = EXPIRED_AT_ONCE;
    for row in KINDS {
        let Keep::Days(days) = row.keep else { continue };
        let before_ms = write.now_ms - i64::from(days) * DAY_MS;
        let ids = rows::all(write.sql, EXPIRE, params![row.name, before_ms, write.now_ms, left], |row| row.get::<_, String>(0))?;
        for id in &ids {
            rows::change(
                write.sql,
                "INSERT INTO outbox(op, destination, asset, key, rev, state, not_before_ms, created_ms)
                 SELECT 'delete_object', destination, asset, key, 1, 'owed', ?2, ?2 FROM deliveries WHERE asset = ?1 ON CONFLICT DO NOTHING",
                params![id, write.now_ms],
            )?;
            register::owe_no_record(write, record::own_collection(row.kind), id)?;
            tell(write, "asset.expired", None, &object!({"asset": id, "kind": row.name, "days": days}))?;
        }
        if !ids.is_empty() {
            write.wakes.everywhere();
        }
        left = left.saturating_sub(u32::try_from(ids.len()).unwrap_or(left));
    }
    Ok(u64::from(EXPIRED_AT_ONCE - left))
}
