//! The log of facts: written inside the transactions they tell of, read in order; and how far its readers have come.

use crate::rows;
use crate::sql::params;
use crate::sql::value::NONE;
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

/// Writes one fact in the present transaction.
pub(crate) fn tell(write: &mut Write<'_>, event_type: &str, job: Option<JobId>, data: &Value) -> Result<(), Fault> {
    debug_assert!(is_as_promised(event_type, data), "{event_type} {data}: not as the table of facts has it");
    write.wakes.events = true;
    let job = job.map(|id| id.to_string());
    rows::change(
        write.sql,
        "INSERT INTO events(at_ms, type, job, data) VALUES (?1, ?2, ?3, ?4)",
        params![write.now_ms, event_type, job, data.to_string()],
    )?;
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
