//! The log of facts: written inside the transactions they tell of, read in order.

use crate::rows;
use crate::sqlite::SqliteStore;
use crate::writer::Write;
use async_trait::async_trait;
use rushes_core::event::Event;
use rushes_core::store::Events;
use rushes_core::{Fault, JobId};
use rusqlite::params;
use serde_json::Value;

/// Writes one fact in the present transaction.
pub(crate) fn tell(write: &mut Write<'_>, event_type: &str, job: Option<JobId>, data: &Value) -> Result<(), Fault> {
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
impl Events for SqliteStore {
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
        self.read(|sql| rows::number(sql, "SELECT coalesce(max(seq), 0) FROM events", [])).await
    }
}
