//! Jobs that nobody drives: which somebody is to be called for, and from when on.

use crate::rows;
use crate::sql::value::NONE;
use crate::sql::{Row, params};
use crate::store::SqlStore;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::store::{Calls, Seen};
use rushes_core::{Fault, JobId};

/// The very words of the index come first.
pub(crate) const UNDRIVEN: &str =
    "SELECT id, fence, wake_at_ms FROM jobs WHERE state IN ('queued', 'running', 'delivering') AND wake_at_ms <= ?1
    AND (home IS NULL OR cancel = 1) AND (state = 'queued' OR state = 'running' AND lease_until_ms < ?1 OR state = 'delivering' AND parent IS NULL)
    ORDER BY wake_at_ms LIMIT ?2";
/// The same without those that wait for their turn.
pub(crate) const UNDRIVEN_BUT_TURNS: &str =
    "SELECT id, fence, wake_at_ms FROM jobs WHERE state IN ('queued', 'running', 'delivering') AND wake_at_ms <= ?1
    AND (home IS NULL OR cancel = 1) AND (state = 'queued' AND in_turn = 0 OR state = 'running' AND lease_until_ms < ?1 OR state = 'delivering' AND parent IS NULL)
    ORDER BY wake_at_ms LIMIT ?2";
/// Who has had a turn and is not through, on every engine.
pub(crate) const IN_TURN: &str = "SELECT count(*) FROM jobs WHERE state = 'running' AND in_turn = 1";
/// Whose turn is next. One that was called for holds its place until it is taken up.
pub(crate) const NEXT: &str = "SELECT id, fence, wake_at_ms FROM jobs WHERE state = 'queued' AND in_turn = 1 AND (home IS NULL OR cancel = 1) ORDER BY created_ms, id LIMIT ?1";
/// How long after its workflow's end a job that still delivers is worth a call: its driver waits for that end.
pub(crate) const DELIVERS_MS: i64 = 10 * 60_000;

/// The moment of a job to which something has happened since it was last taken up: now, and whoever hands it back does not put
/// it off.
const TOLD_MS: i64 = -1;

/// Something has happened to a job. It counts as changed: a queue that knows calls by what they are about takes another one.
pub(crate) fn wake(write: &mut Write<'_>, job: JobId) -> Result<(), Fault> {
    write.wakes.queued = true;
    rows::change(
        write.sql,
        "UPDATE jobs SET wake_at_ms = ?2, updated_ms = ?3 WHERE id = ?1",
        params![job.to_string(), TOLD_MS, write.now_ms],
    )
    .map(drop)
}

/// A child has ended; that happens to its parent, where no other child of it goes on.
pub(crate) fn wake_parent(write: &mut Write<'_>, child: JobId) -> Result<(), Fault> {
    let woken = rows::change(
        write.sql,
        "UPDATE jobs SET wake_at_ms = ?2, updated_ms = ?3 WHERE id = (SELECT parent FROM jobs WHERE id = ?1) AND state = 'running'
         AND NOT EXISTS (SELECT 1 FROM jobs c WHERE c.parent = jobs.id AND c.state IN ('queued', 'running'))",
        params![child.to_string(), TOLD_MS, write.now_ms],
    )?;
    write.wakes.queued |= woken > 0;
    Ok(())
}

#[async_trait]
impl Calls for SqlStore {
    async fn undriven(&self, limit: u32, at_once: Option<u32>) -> Result<Vec<Seen>, Fault> {
        let now_ms = self.clock.now_ms();
        self.read(move |sql| {
            let seen = |row: &Row<'_>| Ok(Seen { job: rows::parsed(row, 0)?, fence: row.get(1)?, wake_at_ms: row.get(2)? });
            let Some(at_once) = at_once else { return rows::all(sql, UNDRIVEN, params![now_ms, limit], seen) };
            let mut found = rows::all(sql, UNDRIVEN_BUT_TURNS, params![now_ms, limit], seen)?;
            let taken = rows::number(sql, IN_TURN, NONE)?;
            let left = (i64::from(at_once) - taken).clamp(0, i64::from(limit) - i64::try_from(found.len()).unwrap_or(i64::MAX));
            let next = rows::all(sql, NEXT, [left], seen)?;
            found.extend(next.into_iter().filter(|seen| seen.wake_at_ms <= now_ms));
            Ok(found)
        })
        .await
    }

    async fn put_off(&self, seen: Seen, by_ms: i64) -> Result<(), Fault> {
        self.write(move |write| {
            let until_ms = write.now_ms.saturating_add(by_ms);
            rows::change(
                write.sql,
                "UPDATE jobs SET wake_at_ms = ?4 WHERE id = ?1 AND fence = ?2 AND wake_at_ms = ?3 AND state IN ('queued', 'running', 'delivering')",
                params![seen.job.to_string(), seen.fence, seen.wake_at_ms, until_ms],
            )
            .map(drop)
        })
        .await
    }
}
