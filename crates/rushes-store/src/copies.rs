//! Equal bytes at one destination: sent there once, and copied from then on. What is to be removed waits until whoever needs
//! a copy of it has one.

use crate::rows;
use crate::sql::{Read, Row, Sql, params};
use crate::writer::Write;
use rushes_core::delivery::{COPIED_ABOVE_BYTES, Due, Work};
use rushes_core::destination::Proof;
use rushes_core::{Asset, Fault};

/// Deliveries of equal bytes to the same place that are still to be paid, `a` and `o`. Joined crosswise, they are looked for in
/// this order: of equal assets there are few, of what is owed to a place there may be many.
const OPEN: &str = "CROSS JOIN deliveries d ON d.asset = a.id AND d.destination = ?2 AND d.state IN ('owed', 'sending')
    CROSS JOIN outbox o ON o.op = 'put_object' AND o.destination = d.destination AND o.key = d.key AND o.rev = a.version
        AND o.state IN ('owed', 'sending')";

/// Has an object wait for the first of those with equal bytes, from which it is copied then.
pub(crate) fn after_first() -> String {
    format!(
        "INSERT INTO outbox_needs(row, needs) SELECT ?1, min(o.id) FROM assets a {OPEN}
         WHERE a.sha256 = ?3 AND o.id < ?1 HAVING min(o.id) IS NOT NULL ON CONFLICT DO NOTHING"
    )
}

/// Has the removal of an object of an asset wait for those that may be copied from it.
pub(crate) fn after_copies() -> String {
    format!(
        "INSERT INTO outbox_needs(row, needs) SELECT ?1, o.id FROM assets mine CROSS JOIN assets a ON a.sha256 = mine.sha256 {OPEN}
         WHERE mine.id = ?3 AND o.key <> ?4 AND o.size_bytes > {COPIED_ABOVE_BYTES} ON CONFLICT DO NOTHING"
    )
}

/// An object with these bytes under another key; rather one that stays.
pub(crate) const ELSEWHERE: &str = "SELECT d.key, d.proof FROM assets a CROSS JOIN deliveries d ON d.asset = a.id AND d.destination = ?1
    WHERE a.sha256 = ?2 AND d.key <> ?3 AND d.state = 'proven' AND d.rendition IS NULL AND d.proof IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM outbox gone WHERE gone.op = 'delete_object' AND gone.destination = d.destination AND gone.key = d.key
            AND gone.rev = a.version AND gone.state = 'sending')
        AND NOT EXISTS (SELECT 1 FROM outbox put WHERE put.op = 'put_object' AND put.destination = d.destination AND put.key = d.key
            AND put.rev > a.version)
    ORDER BY d.uri IS NULL LIMIT 1";

/// An object waits until the first with equal bytes is there.
pub(crate) fn wait_for_first(write: &Write<'_>, row: i64, destination: &str, asset: &Asset) -> Result<(), Fault> {
    if asset.blob.size_bytes <= COPIED_ABOVE_BYTES {
        return Ok(());
    }
    rows::change(write.sql, &after_first(), params![row, destination, asset.blob.sha256]).map(drop)
}

/// A removal waits until nobody can need a copy.
pub(crate) fn wait_for_copies(write: &Write<'_>, row: i64, destination: &str, asset: &str, key: &str) -> Result<(), Fault> {
    rows::change(write.sql, &after_copies(), params![row, destination, asset, key]).map(drop)
}

pub(crate) fn elsewhere(sql: &Sql<'_>, due: &Due) -> Result<Option<(String, Proof)>, Fault> {
    let Work::PutObject { asset, key, .. } = &due.work else { return Ok(None) };
    let found = |row: &Row<'_>| -> Read<(String, String)> { Ok((row.get(0)?, row.get(1)?)) };
    let found = rows::one(sql, ELSEWHERE, params![due.destination, asset.blob.sha256, key], found)?;
    Ok(found.and_then(|(key, proof)| Some((key, serde_json::from_str(&proof).ok()?))))
}

#[cfg(test)]
mod tests;
