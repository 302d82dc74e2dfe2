//! How much is owed to each place, for how long, and how fast it goes.

use crate::rows;
use crate::sql::value::NONE;
use crate::sql::{Sql, params};
use rushes_core::Fault;
use rushes_core::delivery::Backlog;

/// How many of those that ended last the latencies and the success rate are taken from.
const LAST: i64 = 1_000;

/// How many there are in a state, when the oldest open one was made, how long the last ones took; when the next is due;
/// how many failed so often.
pub(crate) const BACKLOG: [&str; 5] = [
    "SELECT count(*) FROM outbox WHERE destination = ?1 AND state = ?2",
    "SELECT coalesce(min(created_ms), ?2) FROM outbox WHERE destination = ?1 AND state IN ('owed', 'sending')",
    "SELECT done_ms - created_ms FROM outbox WHERE destination = ?1 AND state = 'done' ORDER BY done_ms DESC LIMIT ?2",
    "SELECT min(not_before_ms) FROM outbox WHERE destination = ?1 AND state = 'owed' AND not_before_ms > ?2",
    "SELECT count(*) FROM outbox WHERE destination = ?1 AND state IN ('owed', 'sending') AND attempts >= ?2",
];

/// Every place to which something is owed or was refused, from one to the next.
pub(crate) const PLACES: &str = "WITH RECURSIVE places(name) AS (
        SELECT min(destination) FROM outbox INDEXED BY outbox_open WHERE state IN ('owed', 'sending', 'refused')
        UNION ALL SELECT (SELECT min(destination) FROM outbox INDEXED BY outbox_open
            WHERE state IN ('owed', 'sending', 'refused') AND destination > places.name) FROM places WHERE places.name IS NOT NULL)
    SELECT name FROM places WHERE name IS NOT NULL";

pub(crate) fn places(sql: &Sql<'_>) -> Result<Vec<String>, Fault> {
    rows::all(sql, PLACES, NONE, |row| row.get(0))
}

pub(super) fn backlog(sql: &Sql<'_>, destination: &str, now_ms: i64, alarm_after: u32) -> Result<Backlog, Fault> {
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
