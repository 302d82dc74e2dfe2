//! What earlier jobs and their steps took, for estimates.

use crate::rows;
use crate::sql::{Row, params};
use crate::store::SqlStore;
use async_trait::async_trait;
use rushes_core::Fault;
use rushes_core::store::{History, PastJob, PastStep};

/// The last completed jobs of a workflow in which nothing was reused: what is reused takes no time, and says nothing. They
/// are looked for among the last two hundred: where everything is reused, there may be no end of older ones.
const PAST: &str = "SELECT id, ended_ms - coalesce(started_ms, created_ms) AS took_ms,
        (SELECT count(*) FROM jobs child WHERE child.root = lately.id AND child.parent = lately.id) AS children
    FROM (SELECT id, root, parent, created_ms, started_ms, ended_ms FROM jobs
          WHERE workflow = ?1 AND state = 'completed' AND ended_ms IS NOT NULL ORDER BY ended_ms DESC LIMIT 200) lately
    WHERE NOT EXISTS (SELECT 1 FROM assets a
        WHERE a.root = lately.root AND (lately.parent IS NULL OR a.job = lately.id) AND json_extract(a.meta, '$.reused_from') IS NOT NULL)
    ORDER BY ended_ms DESC LIMIT ?2";

pub(crate) fn past_jobs() -> String {
    format!("SELECT took_ms, children FROM ({PAST}) past")
}

pub(crate) fn past_steps() -> String {
    format!(
        "SELECT s.name, s.provider, s.ended_ms - s.started_ms FROM ({PAST}) past CROSS JOIN steps s ON s.job = past.id
         WHERE s.outcome LIKE '{{\"value\"%' AND s.ended_ms IS NOT NULL"
    )
}

#[async_trait]
impl History for SqlStore {
    async fn past_jobs(&self, workflow: &str, limit: u32) -> Result<Vec<PastJob>, Fault> {
        let workflow = workflow.to_owned();
        let past = |row: &Row<'_>| Ok(PastJob { took_ms: row.get(0)?, children: row.get(1)? });
        self.read(move |sql| rows::all(sql, &past_jobs(), params![workflow, limit], past)).await
    }

    async fn past_steps(&self, workflow: &str, jobs: u32) -> Result<Vec<PastStep>, Fault> {
        let workflow = workflow.to_owned();
        let past = |row: &Row<'_>| Ok(PastStep { name: row.get(0)?, provider: row.get(1)?, took_ms: row.get(2)? });
        self.read(move |sql| rows::all(sql, &past_steps(), params![workflow, jobs], past)).await
    }
}
