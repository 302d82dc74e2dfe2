//! How much is owed to each place, for how long, and how fast it goes.

use crate::rows;
use crate::sql::value::NONE;
use crate::sql::{Row, Sql, params};
use rushes_core::Fault;
use rushes_core::delivery::Backlog;

/// How many of those that ended last the latencies and the success rate are taken from.
const LAST: i64 = 1_000;

/// How much is owed and how much was refused, when the oldest that is owed was made, and how much of it failed so often; how
/// long the last that were paid took.
pub(crate) const BACKLOG: [&str; 2] = [
    "SELECT count(*) FILTER (WHERE state <> 'refused'), count(*) FILTER (WHERE state = 'refused'),
         coalesce(min(created_ms) FILTER (WHERE state <> 'refused'), ?2), count(*) FILTER (WHERE state <> 'refused' AND attempts >= ?3)
     FROM outbox WHERE destination = ?1 AND (state = 'owed' OR state = 'sending' OR state = 'refused')",
    "SELECT done_ms - created_ms FROM outbox WHERE destination = ?1 AND state = 'done' ORDER BY done_ms DESC LIMIT ?2",
];

/// When the next of those that are put off is due.
pub(crate) const NEXT: &str = "SELECT min(not_before_ms) FROM outbox
    WHERE destination = ?1 AND state = 'owed' AND not_before_ms > created_ms AND not_before_ms > ?2";

/// Every place to which something is owed or was refused, from one to the next.
pub(crate) const PLACES: &str = "WITH RECURSIVE places(name) AS (
        SELECT min(destination) FROM outbox INDEXED BY outbox_open WHERE (state = 'owed' OR state = 'sending' OR state = 'refused')
        UNION ALL SELECT (SELECT min(destination) FROM outbox INDEXED BY outbox_open
            WHERE (state = 'owed' OR state = 'sending' OR state = 'refused') AND destination > places.name) FROM places WHERE places.name IS NOT NULL)
    SELECT name FROM places WHERE name IS NOT NULL";

pub(crate) fn places(sql: &Sql<'_>) -> Result<Vec<String>, Fault> {
    rows::all(sql, PLACES, NONE, |row| row.get(0))
}

pub(super) fn backlog(sql: &Sql<'_>, destination: &str, now_ms: i64, alarm_after: u32) -> Result<Backlog, Fault> {
    let [open, took] = BACKLOG;
    let four = |row: &Row<'_>| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?]);
    let open = rows::one(sql, open, params![destination, now_ms, alarm_after], four)?;
    let [owed, refused, oldest, failing] = open.unwrap_or([0, 0, now_ms, 0]);
    let (owed, refused) = (owed.unsigned_abs(), refused.unsigned_abs());
    let mut took = rows::all(sql, took, params![destination, LAST], |row| row.get::<_, i64>(0))?;
    took.sort_unstable();
    let at = |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1))).map_or(0, |ms| ms.unsigned_abs());
    let (done, ended) = (took.len() as u64, took.len() as u64 + refused);
    #[expect(clippy::cast_precision_loss, reason = "seconds and shares for people")]
    Ok(Backlog {
        owed,
        refused,
        alarms: if alarm_after == 0 { 0 } else { failing.unsigned_abs() },
        oldest_s: (now_ms - oldest).max(0) as f64 / 1_000.0,
        p50_ms: at(50),
        p95_ms: at(95),
        p99_ms: at(99),
        success_rate: if ended == 0 { 1.0 } else { done as f64 / ended as f64 },
    })
}
