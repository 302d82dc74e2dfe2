//! What may go from this machine: local bytes that nobody needs here, and paths that show what is no more.

use super::owe::takes;
use crate::rows::{self, json};
use crate::sql::{Sql, params};
use rushes_core::delivery::Routes;
use rushes_core::{Blob, Fault};
use std::collections::BTreeMap;

/// A retired version stays this long, for jobs elsewhere that may still name it.
const RETIRED_MS: i64 = 60 * 60 * 1_000;
/// What a failed job kept back stays this long, for its retry.
const KEPT_BACK_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

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

/// Whose bytes are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Among {
    /// All that are here, where one machine has the store to itself.
    Present,
    /// The hashes `?4` lists in JSON, wherever they are: which node has them is not written down.
    Listed,
}

/// Bytes that may go: of versions replaced before a moment, found from those; and of what is proven everywhere, in the
/// order in which they were used.
pub(crate) fn removable_of(is_retired: bool, among: Among) -> String {
    let proven_everywhere = proven_everywhere();
    let current = "SELECT 1 FROM assets a WHERE a.sha256 = b.sha256 AND a.retired_ms IS NULL";
    let blob = "b.sha256, b.md5, b.crc32c, b.size_bytes, b.mime";
    let (asked, joined, used_by) = match among {
        Among::Present => ("b.state = 'present'", "INDEXED BY assets_retired CROSS JOIN", "INDEXED BY blobs_by_use"),
        Among::Listed => ("b.sha256 IN (SELECT value FROM json_each(?4))", "JOIN", ""),
    };
    if is_retired {
        return format!(
            "SELECT DISTINCT {blob} FROM assets old {joined} blobs b ON b.sha256 = old.sha256
             WHERE old.retired_ms <= ?2 AND {asked} AND NOT EXISTS ({current})
                 AND NOT EXISTS (SELECT 1 FROM assets r WHERE r.sha256 = b.sha256 AND (r.retired_ms > ?2
                     OR EXISTS (SELECT 1 FROM outbox o WHERE o.root = r.root AND (o.state = 'owed' OR o.state = 'sending' OR o.state = 'refused') AND o.state <> 'refused' AND o.asset = r.id)
                     OR EXISTS (SELECT 1 FROM jobs j WHERE j.id = r.root AND (j.state IN ('queued', 'running', 'delivering')
                         OR r.version = 0 AND j.state = 'failed' AND j.ended_ms > ?2 - {KEPT_BACK_MS}))
                     OR EXISTS (SELECT 1 FROM assets a WHERE a.path = r.path AND a.retired_ms IS NULL AND NOT ({proven_everywhere}))))
             LIMIT ?3"
        );
    }
    format!(
        "SELECT {blob} FROM blobs b {used_by} WHERE {asked} AND ?2 >= 0
             AND EXISTS ({current}) AND NOT EXISTS ({current} AND NOT ({proven_everywhere}))
         ORDER BY b.used_ms, b.sha256 LIMIT ?3"
    )
}

/// Of some hashes those whose bytes may go, in the order given.
pub(super) fn removable_among(
    sql: &Sql<'_>,
    hashes: &[String],
    is_retired: bool,
    now_ms: i64,
    routes: &Routes,
) -> Result<Vec<Blob>, Fault> {
    if routes.destinations.is_empty() {
        return Ok(Vec::new());
    }
    let before_ms = (now_ms - RETIRED_MS).max(0);
    let params = params![json(&routes.destinations)?, before_ms, u32::MAX, json(&hashes)?];
    let mut found = rows::all(sql, &removable_of(is_retired, Among::Listed), params, |row| rows::blob(row, 0))?;
    let place: BTreeMap<&str, usize> = hashes.iter().enumerate().map(|(at, hash)| (hash.as_str(), at)).collect();
    found.sort_by_key(|blob| place.get(blob.sha256.as_str()).copied());
    Ok(found)
}

pub(super) fn removable(sql: &Sql<'_>, is_retired: bool, limit: u32, now_ms: i64, routes: &Routes) -> Result<Vec<Blob>, Fault> {
    if routes.destinations.is_empty() {
        return Ok(Vec::new());
    }
    let before_ms = (now_ms - RETIRED_MS).max(0);
    let params = params![json(&routes.destinations)?, before_ms, limit];
    rows::all(sql, &removable_of(is_retired, Among::Present), params, |row| rows::blob(row, 0))
}

/// Up to when a look goes, so that it ends with a whole moment; and the paths of what was retired until then.
pub(crate) const LEFT_PATHS: [&str; 2] = [
    "SELECT max(retired_ms) FROM (SELECT retired_ms FROM assets INDEXED BY assets_retired WHERE retired_ms > ?1 ORDER BY retired_ms LIMIT ?2) past",
    "SELECT a.path, a.sha256 FROM assets a INDEXED BY assets_retired WHERE a.retired_ms > ?1 AND a.retired_ms <= ?2
         AND NOT EXISTS (SELECT 1 FROM assets c WHERE c.path = a.path AND c.retired_ms IS NULL)",
];

type LeftPaths = (Vec<(String, String)>, Option<i64>);

pub(super) fn left_paths(sql: &Sql<'_>, retired_ms: i64, limit: u32) -> Result<LeftPaths, Fault> {
    let [until, left] = LEFT_PATHS;
    let until_ms = rows::one(sql, until, params![retired_ms, limit], |row| row.get::<_, Option<i64>>(0))?.flatten();
    let Some(until_ms) = until_ms else { return Ok((Vec::new(), None)) };
    let found = rows::all(sql, left, params![retired_ms, until_ms], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((found, Some(until_ms)))
}
