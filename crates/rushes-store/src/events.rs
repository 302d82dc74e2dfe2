//! The log of facts: written inside the transactions they tell of, read in order; and how far its readers have come.

use crate::rows;
use crate::sql::value::{Bind, NONE};
use crate::sql::{Sql, params};
use crate::store::SqlStore;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::event::{Event, is_as_promised};
use rushes_core::store::{Events, Marks};
use rushes_core::{Fault, JobId};
use serde_json::Value;

/// The oldest facts up to the first that is kept by its time; never the newest, which says how far the log has come.
const FORGET: &str = "DELETE FROM events WHERE seq < (SELECT coalesce(min(seq) FILTER (WHERE at_ms >= ?1), max(seq) + 1) FROM
    (SELECT seq, at_ms FROM events ORDER BY seq LIMIT ?2) oldest) AND seq < (SELECT max(seq) FROM events)";

/// Facts in one statement at most.
const AT_ONCE: usize = 32;

/// What is to be written down before its transaction is committed.
pub(crate) struct Fact {
    at_ms: i64,
    event_type: String,
    job: Option<String>,
    data: String,
}

/// Tells one fact of the present transaction. It gets its number with all others of it, when they are written down.
pub(crate) fn tell(write: &mut Write<'_>, event_type: &str, job: Option<JobId>, data: &Value) -> Result<(), Fault> {
    debug_assert!(is_as_promised(event_type, data), "{event_type} {data}: not as the table of facts has it");
    write.wakes.events = true;
    let (event_type, job) = (event_type.to_owned(), job.map(|id| id.to_string()));
    write.facts.push(Fact { at_ms: write.now_ms, event_type, job, data: data.to_string() });
    Ok(())
}

/// Writes facts in their order; many in one statement, as each is a way to a server and back. Their counts are powers of two,
/// so that few statements are prepared.
pub(crate) fn write_down(sql: &Sql<'_>, mut facts: &[Fact]) -> Result<(), Fault> {
    while !facts.is_empty() {
        let count = (1 << facts.len().ilog2()).min(AT_ONCE);
        let (now, later) = facts.split_at(count);
        let places: Vec<String> =
            (0..count).map(|at| at * 4).map(|n| format!("(?{}, ?{}, ?{}, ?{})", n + 1, n + 2, n + 3, n + 4)).collect();
        let values: Vec<&dyn Bind> =
            now.iter().flat_map(|fact| [&fact.at_ms as &dyn Bind, &fact.event_type, &fact.job, &fact.data]).collect();
        rows::change(sql, &format!("INSERT INTO events(at_ms, type, job, data) VALUES {}", places.join(", ")), values.as_slice())?;
        facts = later;
    }
    Ok(())
}

#[async_trait]
impl Events for SqlStore {
    async fn events(&self, after_seq: i64, limit: u32) -> Result<Vec<Event>, Fault> {
        self.read(move |sql| {
            rows::all(
                sql,
                "SELECT seq, at_ms, type, job, data FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                params![after_seq, limit],
                rows::event,
            )
        })
        .await
    }

    async fn last_seq(&self) -> Result<i64, Fault> {
        self.read(|sql| rows::number(sql, "SELECT coalesce(max(seq), 0) FROM events", NONE)).await
    }

    async fn oldest_seq(&self) -> Result<i64, Fault> {
        self.read(|sql| rows::number(sql, "SELECT coalesce(min(seq), 1) FROM events", NONE)).await
    }

    async fn forget_events(&self, before_ms: i64, limit: u32) -> Result<u64, Fault> {
        self.write(move |write| rows::change(write.sql, FORGET, params![before_ms, limit]).map(|gone| gone as u64)).await
    }
}

#[async_trait]
impl Marks for SqlStore {
    async fn mark(&self, name: &'static str) -> Result<i64, Fault> {
        self.read(move |sql| rows::number(sql, "SELECT coalesce((SELECT value FROM marks WHERE name = ?1), 0)", [name])).await
    }

    async fn set_mark(&self, name: &'static str, value: i64) -> Result<(), Fault> {
        self.write(move |write| {
            let set = "INSERT INTO marks(name, value) VALUES (?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";
            rows::change(write.sql, set, params![name, value]).map(|_| ())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mode, stand};
    use rushes_core::clock::SystemClock;
    use rushes_core::delivery::Routes;
    use serde_json::json;
    use std::sync::Arc;

    #[tokio::test]
    async fn events_of_one_transaction_are_numbered_as_they_were_told_however_many() {
        let folder = tempfile::tempdir().unwrap();
        let mode = Mode::Own { owner: "one".into() };
        let store = stand::open(&folder.path().join("rushes.db"), &mode, Arc::new(SystemClock), Routes::default()).unwrap();
        let count = 2 * AT_ONCE + 7;
        let told = store.write(move |write| (0..count).try_for_each(|n| tell(write, "job.signal", None, &json!({"name": n.to_string()}))));
        told.await.unwrap();
        let facts = store.events(0, 1_000).await.unwrap();
        let names: Vec<&str> = facts.iter().map(|fact| fact.data["name"].as_str().unwrap()).collect();
        assert_eq!(names, (0..count).map(|n| n.to_string()).collect::<Vec<_>>());
        assert!(facts.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    }
}
